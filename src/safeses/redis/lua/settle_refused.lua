-- Forgets a mail without a key that was certainly not sent, gives its quota
-- back, and notes a throttle; returns 0, and changes nothing, if the mail is
-- not noted as it is for nearly every send.
-- KEYS: the scope, its minutes, the job, what is open. ARGV: the time,
-- burst, part, rate and quota as the caller knows them, the minute, the quota
-- cost, what SES refused or '', the id, the owner, the attempt.
-- needs: time, budget, ledger

local now = the_time()
local scope, problem = open_scope(KEYS, now)
if not scope then
    return redis.error_reply(problem)
end
if not ledger_settle_unkeyed(
        KEYS[3], KEYS[4], ARGV[9], ARGV[10], ARGV[11], now) then
    return 0
end
give_back(scope, tonumber(ARGV[6]), tonumber(ARGV[7]))
if ARGV[8] ~= '' then
    throttled(scope, now, ARGV[8])
end
write_scope(scope)
return 1
