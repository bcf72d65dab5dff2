-- Takes an event for a while; returns 1 unless somebody else holds it.
-- KEYS: the hold. ARGV: the time, seconds of lease, the owner.
-- needs: time, seen

local now = the_time()
local held = redis.call('GET', KEYS[1])
if held then
    local ends, owner = string.match(held, '^([^ ]*) (.*)$')
    if owner ~= ARGV[3] and tonumber(ends) > now then
        return 0
    end
end
local seconds = tonumber(ARGV[2])
keep(KEYS[1], text_of(now + seconds) .. ' ' .. ARGV[3], seconds)
return 1
