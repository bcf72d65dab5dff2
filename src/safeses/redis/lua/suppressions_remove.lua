-- Removes entries; returns how the list folds, or false, and how many.
-- KEYS: the list, its ends, those of its hashes that are not empty, then
-- for each address its hash.
-- ARGV: the time, how the list has to fold, '=' and the stream, or '' for all
-- of them, then for each address the number of its hash and its key.
-- needs: time, suppressions

local list, ends, used = KEYS[1], KEYS[2], KEYS[3]
local policy = redis.call('HGET', list, 'policy')
if policy ~= ARGV[2] then
    return {policy, 0}
end
local gone = 0

local function remove(bucket, number, field)
    if redis.call('HDEL', bucket, field) == 1 then
        gone = gone + 1
        redis.call('ZREM', ends, number .. ' ' .. field)
        if redis.call('EXISTS', bucket) == 0 then
            redis.call('SETBIT', used, number, 0)
        end
    end
end

for i = 4, #KEYS do
    local number, key = ARGV[2 * i - 4], ARGV[2 * i - 3]
    if ARGV[3] ~= '' then
        local stream = string.sub(ARGV[3], 2)
        remove(KEYS[i], number, suppression_field(key, stream))
    else
        for _, field in ipairs(redis.call('HKEYS', KEYS[i])) do
            if field == key
                    or string.sub(field, 1, #key + 1) == key .. '\n' then
                remove(KEYS[i], number, field)
            end
        end
    end
end
if gone > 0 then
    redis.call('HINCRBY', list, 'count', -gone)
end
return {policy, gone}
