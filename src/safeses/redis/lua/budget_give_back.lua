-- KEYS: the scope, its minutes. ARGV: the time, burst, part, rate and quota
-- as the caller knows them, the minute, how many, what SES refused or ''.
-- needs: time, budget

local now = the_time()
local scope, problem = open_scope(KEYS, now)
if not scope then
    return redis.error_reply(problem)
end
give_back(scope, tonumber(ARGV[6]), tonumber(ARGV[7]))
if ARGV[8] ~= '' then
    throttled(scope, now, ARGV[8])
end
write_scope(scope)
return 1
