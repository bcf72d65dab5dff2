-- Returns how the list folds, where the next page begins, or '', and of
-- each entry the field and the value. The order is that of the hashes, and
-- within one that of SHA-1 of the fields: it changes for no entry.
-- KEYS: the list, those of its hashes that are not empty.
-- ARGV: the time, the beginning of the keys of its hashes, the number of
-- the hash to begin with, the SHA-1 of the field to begin behind, how many
-- entries at most, how many hashes there can be.
-- needs: time

local policy = redis.call('HGET', KEYS[1], 'policy')
local limit, hashes = tonumber(ARGV[5]), tonumber(ARGV[6])

-- Returns the first hash from a number on that is not empty, or none.
local function next_used(number)
    while number < hashes and number % 8 ~= 0 do
        if redis.call('GETBIT', KEYS[2], number) == 1 then
            return number
        end
        number = number + 1
    end
    if number >= hashes then
        return hashes
    end
    local found = redis.call('BITPOS', KEYS[2], 1, number / 8)
    return found < 0 and hashes or found
end

-- Returns the fields behind a SHA-1, in order, and the values.
local function entries_of(number, after)
    local found = redis.call('HGETALL', ARGV[2] .. number)
    local names, fields, values = {}, {}, {}
    for i = 1, #found, 2 do
        local name = redis.sha1hex(found[i])
        if name > after then
            names[#names + 1] = name
            fields[name] = found[i]
            values[name] = found[i + 1]
        end
    end
    table.sort(names)
    return names, fields, values
end

local answer = {policy, ''}
local number, after = next_used(tonumber(ARGV[3])), ARGV[4]
if number ~= tonumber(ARGV[3]) then
    after = ''
end
local left, last = limit, ''
while number < hashes do
    local names, fields, values = entries_of(number, after)
    for _, name in ipairs(names) do
        if left == 0 then
            answer[2] = last
            return answer
        end
        left = left - 1
        last = string.format('%d', number) .. '-' .. name
        answer[#answer + 1] = fields[name]
        answer[#answer + 1] = values[name]
    end
    number, after = next_used(number + 1), ''
end
return answer
