-- Forgets what was counted before a bucket.
-- KEYS: the days.
-- ARGV: the time, the beginning of the keys of days, the buckets of a day,
-- the first bucket to keep.
-- needs: time

local per_day, first = tonumber(ARGV[3]), tonumber(ARGV[4])
local today = math.floor(first / per_day)
local over = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. today)
for _, day in ipairs(over) do
    redis.call('UNLINK', ARGV[2] .. day)
    redis.call('ZREM', KEYS[1], day)
end

local key = ARGV[2] .. string.format('%d', today)
local found = redis.call('HGETALL', key)
for i = 1, #found, 2 do
    local name, bucket = string.match(found[i], '^([^\n]*\n[^\n]*)\n(%d+)$')
    if name and tonumber(bucket) < first then
        redis.call('HDEL', key, found[i])
        if redis.call('HINCRBY', key, name, '-' .. found[i + 1]) == 0 then
            redis.call('HDEL', key, name)
        end
    end
end
return #over
