-- Returns what SES said of an account, and how many seconds ago.
-- KEYS: the account. ARGV: the time.
-- needs: time

local now = the_time()
local held = redis.call('HMGET', KEYS[1], 'text', 'at')
if not held[1] then
    return false
end
return {held[1], text_of(now - tonumber(held[2]))}
