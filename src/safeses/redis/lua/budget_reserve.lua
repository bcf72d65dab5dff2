-- KEYS: the scope, its minutes. ARGV: the time, burst, part, rate and quota
-- as the caller knows them, cost, quota cost, '1' for bulk, the longest wait.
-- needs: time, budget

local now, wall = the_time()
local scope, problem = open_scope(KEYS, now)
if not scope then
    return redis.error_reply(problem)
end
local answer = reserve(scope, now, wall, {
    cost = tonumber(ARGV[6]), quota_cost = tonumber(ARGV[7]),
    is_bulk = ARGV[8] == '1', max_wait_s = tonumber(ARGV[9])})
write_scope(scope)
return answer
