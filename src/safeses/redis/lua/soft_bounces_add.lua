-- Notes a bounce; returns how many of the address there are in the window.
-- KEYS: the address, all addresses.
-- ARGV: the time, the event, when it happened, since when the window is,
-- how many to keep, seconds to keep them, the name of the address.
-- needs: time

local _, wall = the_time()
local key, at = KEYS[1], tonumber(ARGV[3])
redis.call('ZADD', key, 'NX', ARGV[3], ARGV[2])
redis.call('ZREMRANGEBYRANK', key, 0, -1 - tonumber(ARGV[5]))
-- Kept by both clocks, that of the events and that of the server; and a
-- bounce that is told late shortens nothing.
local left_s = math.max(at - wall, 0) + tonumber(ARGV[6])
if redis.call('TTL', key) < left_s then
    redis.call('EXPIRE', key, string.format('%.0f', left_s))
    redis.call('ZADD', KEYS[2], text_of(wall + left_s), ARGV[7])
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. text_of(wall))
return redis.call('ZCOUNT', key, ARGV[4], '+inf')
