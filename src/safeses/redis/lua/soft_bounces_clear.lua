-- Forgets the bounces of addresses up to an instant; writes only if there
-- are any.
-- KEYS: all addresses, then each address.
-- ARGV: the time, until when, as a bound, then the name of each address.

for i = 2, #KEYS do
    local gone = redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', ARGV[2])
    if gone > 0 and redis.call('EXISTS', KEYS[i]) == 0 then
        redis.call('ZREM', KEYS[1], ARGV[i + 1])
    end
end
return 0
