-- Who must not be mailed. Entries are the fields of many small hashes, each
-- of which Redis keeps as one text of bytes: a tenth of what a key of its
-- own would take. A field is the key of an address, with the stream behind
-- a line end if the entry is for one only. Its value is lines: since, end
-- ('' is never), reason, source, address ('' is the key), note.
-- needs: time

-- Returns the end of an entry in seconds since 1970.
local function suppression_end(value)
    local ends = string.match(value, '^[^\n]*\n([^\n]*)')
    return ends == '' and math.huge or tonumber(ends)
end

local function suppression_field(key, stream)
    return stream == '' and key or key .. '\n' .. stream
end

-- Returns the value of an entry in force, that for all mail first, and
-- whether it is for the stream only.
local function find_suppression(bucket, key, stream, wall)
    local fields = stream == '' and {key} or {key, key .. '\n' .. stream}
    for i, value in ipairs(redis.call('HMGET', bucket, unpack(fields))) do
        if value and suppression_end(value) > wall then
            return value, i - 1
        end
    end
    return false
end

-- Returns whether anybody is suppressed, or whether nobody can tell.
-- keys: the list, then for each recipient the hash in which to look.
-- args: how the list has to fold, the stream, then for each the key.
local function is_any_suppressed(keys, args, wall)
    if redis.call('HGET', keys[1], 'policy') ~= args[1] then
        return true
    end
    for i = 2, #keys do
        if find_suppression(keys[i], args[i + 1], args[2], wall) then
            return true
        end
    end
    return false
end
