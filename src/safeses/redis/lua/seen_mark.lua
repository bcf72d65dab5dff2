-- Marks an event; returns 1 if it was not marked.
-- KEYS: the mark. ARGV: the time, seconds to keep it.
-- needs: time, seen

local now = the_time()
if is_marked(KEYS[1], now) then
    return 0
end
local seconds = tonumber(ARGV[2])
keep(KEYS[1], text_of(now + seconds), seconds)
return 1
