-- Adds a record, unless the job is known; returns 1 if it did.
-- KEYS: the job, what is open. ARGV: the time, id, record, seconds of lease.
-- needs: time, epoch, ledger

local now, wall = the_time()
local lease_s = tonumber(ARGV[4])
local added = ledger_add(
    KEYS[1], KEYS[2], ARGV[2], ARGV[3], lease_s, now, wall)
return added and 1 or 0
