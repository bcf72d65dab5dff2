-- Adds entries to a list, which the first one makes; returns how the list
-- folds, and for each entry 1 if it has changed anything.
-- KEYS: the list, its ends, those of its hashes that are not empty, then
-- for each entry its hash.
-- ARGV: the time, how the list has to fold, whether it may be new, then for
-- each entry the number of its hash, its key, its stream, its value.
-- needs: time, suppressions

local list, ends, used = KEYS[1], KEYS[2], KEYS[3]
local policy = redis.call('HGET', list, 'policy')
if policy ~= ARGV[2] then
    if policy or ARGV[3] ~= '1' then
        return {policy}
    end
    redis.call('HSET', list, 'policy', ARGV[2])
end
local _, wall = the_time()
local answer = {ARGV[2]}
local new = 0
for i = 4, #KEYS do
    local at = 4 * (i - 3)
    local number, value = ARGV[at], ARGV[at + 3]
    local field = suppression_field(ARGV[at + 1], ARGV[at + 2])
    local held = redis.call('HGET', KEYS[i], field)
    local ending = suppression_end(value)
    local held_end = held and suppression_end(held)
    local is_longer = not held or held_end <= wall or ending > held_end
    local changes = ending > wall and is_longer
    if changes then
        if string.sub(value, 1, 1) == '\n' then
            value = string.format('%.0f', math.floor(wall)) .. value
        end
        redis.call('HSET', KEYS[i], field, value)
        if not held then
            new = new + 1
            redis.call('SETBIT', used, number, 1)
        end
        local member = number .. ' ' .. field
        if ending < math.huge then
            redis.call('ZADD', ends, text_of(ending), member)
        elseif held and held_end < math.huge then
            redis.call('ZREM', ends, member)
        end
    end
    answer[#answer + 1] = changes and 1 or 0
end
if new > 0 then
    redis.call('HINCRBY', list, 'count', new)
end
return answer
