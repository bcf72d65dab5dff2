-- Replaces a record if it still is what it was; returns 1 if it did.
-- KEYS: the job, what is open.
-- ARGV: the time, id, the record as it was, as it is to be; '' is none.
-- needs: time, ledger

local now = the_time()
if (ledger_get(KEYS[1], now) or '') ~= ARGV[3] then
    return 0
end
if ARGV[4] == '' then
    ledger_forget(KEYS[1], KEYS[2], ARGV[2])
else
    ledger_put(KEYS[1], KEYS[2], ARGV[2], ledger_fields(ARGV[4]), now)
end
return 1
