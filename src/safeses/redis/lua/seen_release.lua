-- Lets go of an event, unless somebody else holds it.
-- KEYS: the hold. ARGV: the time, the owner.

local held = redis.call('GET', KEYS[1])
if held and string.match(held, '^[^ ]* (.*)$') == ARGV[2] then
    redis.call('DEL', KEYS[1])
end
return 0
