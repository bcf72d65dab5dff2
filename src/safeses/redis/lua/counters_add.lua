-- Counts. A day is a hash: of each scope and name it has the count of every
-- bucket, and that of the whole day.
-- KEYS: the days.
-- ARGV: the time, the beginning of the keys of days, the number of the day,
-- when it ends, seconds to keep it, the scope, the number of the bucket,
-- then for each its name and count.
-- needs: time

local _, wall = the_time()
local key = ARGV[2] .. ARGV[3]
for i = 8, #ARGV, 2 do
    local name = ARGV[6] .. '\n' .. ARGV[i]
    redis.call('HINCRBY', key, name .. '\n' .. ARGV[7], ARGV[i + 1])
    redis.call('HINCRBY', key, name, ARGV[i + 1])
end
-- Kept by both clocks, that of the events and that of the server.
local left_s = math.max(tonumber(ARGV[4]) - wall, 0) + tonumber(ARGV[5])
redis.call('EXPIRE', key, string.format('%.0f', left_s))
if redis.call('ZADD', KEYS[1], ARGV[3], ARGV[3]) == 1 then
    -- Once a day: those that are gone.
    for _, day in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
        if redis.call('EXISTS', ARGV[2] .. day) == 0 then
            redis.call('ZREM', KEYS[1], day)
        end
    end
end
return 1
