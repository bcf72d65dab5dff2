-- Events that were handled, and those that somebody handles just now. Keys
-- go by themselves; what counts is the time in the value.
-- needs: time

-- Longer than anything is kept, and a number that Redis takes.
local LONGEST_MS = 4e12
-- Redis removes what is over some time later.
local KEPT_LONGER_MS = 60000

local function keep(key, value, seconds)
    local left_ms = math.min(
        math.ceil(seconds * 1000) + KEPT_LONGER_MS, LONGEST_MS)
    redis.call('SET', key, value, 'PX', string.format('%.0f', left_ms))
end

local function is_marked(key, now)
    local ends = redis.call('GET', key)
    return ends and tonumber(ends) > now
end
