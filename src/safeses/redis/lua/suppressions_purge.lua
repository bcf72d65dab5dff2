-- Removes some of what has expired; returns how the list folds, or false,
-- and how many that were.
-- KEYS: the list, its ends, those of its hashes that are not empty.
-- ARGV: the time, how the list has to fold, the beginning of the keys of its
-- hashes, how many at most.
-- needs: time

local list, ends, used = KEYS[1], KEYS[2], KEYS[3]
local policy = redis.call('HGET', list, 'policy')
if policy ~= ARGV[2] then
    return {policy, 0}
end
local _, wall = the_time()
local over = redis.call(
    'ZRANGEBYSCORE', ends, '-inf', text_of(wall), 'LIMIT', 0, ARGV[4])
for _, member in ipairs(over) do
    local at = string.find(member, ' ', 1, true)
    local number = string.sub(member, 1, at - 1)
    local bucket = ARGV[3] .. number
    redis.call('HDEL', bucket, string.sub(member, at + 1))
    redis.call('ZREM', ends, member)
    if redis.call('EXISTS', bucket) == 0 then
        redis.call('SETBIT', used, number, 0)
    end
end
if #over > 0 then
    redis.call('HINCRBY', list, 'count', -#over)
end
return {policy, #over}
