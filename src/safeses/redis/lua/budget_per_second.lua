-- KEYS: the scope, its minutes. ARGV: the time, burst, part, rate and quota
-- as the caller knows them.
-- needs: time, budget

local now = the_time()
local held = redis.call('HMGET', KEYS[1], 'account_per_s', 'share',
    'lowered_at')
local scope = {changed = {}, part = tonumber(ARGV[3]),
    account_per_s = tonumber(held[1] or ARGV[4]) or UNKNOWN_RATE_PER_S,
    share = tonumber(held[2] or '1'),
    lowered_at = math.min(tonumber(held[3] or '-inf'), now)}
return text_of(per_second(scope, now))
