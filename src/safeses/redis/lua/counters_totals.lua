-- Returns for each name how often it was counted in some buckets.
-- KEYS: the days.
-- ARGV: the time, the beginning of the keys of days, the buckets of a day,
-- the first bucket, that behind the last, the scope, then the names.
-- needs: time

local per_day = tonumber(ARGV[3])
local first, last = tonumber(ARGV[4]), tonumber(ARGV[5])
local days = redis.call(
    'ZRANGEBYSCORE', KEYS[1], math.floor(first / per_day), last / per_day)
local totals = {}
for i = 7, #ARGV do
    totals[i - 6] = 0
end

local function add(key, i, fields)
    if #fields > 0 then
        for _, count in ipairs(redis.call('HMGET', key, unpack(fields))) do
            totals[i] = totals[i] + (count and tonumber(count) or 0)
        end
    end
end

for _, day in ipairs(days) do
    local key, begin = ARGV[2] .. day, tonumber(day) * per_day
    local from = math.max(first, begin)
    local to = math.min(last, begin + per_day)
    for i = 1, #totals do
        local name = ARGV[6] .. '\n' .. ARGV[i + 6]
        if to - from == per_day then
            add(key, i, {name})
        else
            local fields = {}
            for bucket = from, to - 1 do
                fields[#fields + 1] = name .. '\n'
                    .. string.format('%d', bucket)
            end
            add(key, i, fields)
        end
    end
end
for i = 1, #totals do
    totals[i] = string.format('%.0f', totals[i])
end
return totals
