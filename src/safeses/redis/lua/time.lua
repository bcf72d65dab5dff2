-- The time of the server, or that of a test in the first argument.

-- Small numbers keep microseconds exact. That of _connection.py.
local EPOCH_S = 1767225600

-- Returns the seconds since EPOCH_S, and those since 1970.
local function the_time()
    local given = string.match(ARGV[1], '^[^ ]+')
    if given then
        return tonumber(given), tonumber(given) + EPOCH_S
    end
    local time = redis.call('TIME')
    local seconds, part = tonumber(time[1]), tonumber(time[2]) / 1000000
    return seconds - EPOCH_S + part, seconds + part
end

-- Redis cuts numbers off at the point, and Lua's own text keeps 14 digits.
local function text_of(number)
    return string.format('%.17g', number)
end
