-- Notes that the first byte of a job is about to leave; returns 1 if it may.
-- KEYS: the job, what is open.
-- ARGV: the time, id, owner, attempt, seconds of lease, recipients, who is
-- left out.
-- needs: time, epoch, ledger

local now, wall = the_time()
local fields = ledger_held(KEYS[1], ARGV[3], ARGV[4], 'reserved', now)
if not fields then
    return 0
end
local lease_s = tonumber(ARGV[5])
fields[STATE] = 'submitting'
fields[SUBMITTED_WALL] = text_of(wall)
fields[LEASE_S] = text_of(lease_s)
fields[LEASE_ENDS] = text_of(now + lease_s)
fields[EXPIRES] = ''
fields[RECIPIENTS] = ARGV[6]
fields[LEFT_OUT] = ARGV[7]
ledger_put(KEYS[1], KEYS[2], ARGV[2], fields, now)
return 1
