-- Names the data, unless it has a name, and returns the name.
-- KEYS: the epoch. ARGV: the time, a new name, whether a person has seen it.
-- needs: time

redis.call('HSETNX', KEYS[1], 'id', ARGV[2])
if ARGV[3] == '1' then
    local _, wall = the_time()
    redis.call('HSET', KEYS[1], 'acknowledged', text_of(wall))
end
return redis.call('HGET', KEYS[1], 'id')
