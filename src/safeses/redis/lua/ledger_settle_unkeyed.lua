-- Forgets a mail without a key whose outcome is known; returns 1 if it did.
-- KEYS: the job, what is open. ARGV: the time, id, owner, attempt.
-- needs: time, ledger

local now = the_time()
local settled = ledger_settle_unkeyed(
    KEYS[1], KEYS[2], ARGV[2], ARGV[3], ARGV[4], now)
return settled and 1 or 0
