-- KEYS: the scope, its minutes. ARGV: the time, burst, part, rate and quota
-- as the caller knows them, which is what all learn, and what SES has
-- counted; each of the last three may be empty.
-- needs: time, budget

local now = the_time()
local scope, problem = open_scope(KEYS, now)
if not scope then
    return redis.error_reply(problem)
end
if ARGV[4] ~= '' then
    put(scope, 'account_per_s', tonumber(ARGV[4]))
end
put(scope, 'per_day', tonumber(ARGV[5]))
if ARGV[6] ~= '' then
    expire(scope, now)
    put(scope, 'elsewhere', math.max(0, tonumber(ARGV[6]) - scope.total))
    put(scope, 'reconciled_at', now)
end
write_scope(scope)
return 1
