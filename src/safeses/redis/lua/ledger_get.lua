-- Returns what is known of a job, or false, and the time.
-- KEYS: the job.
-- needs: time, epoch, ledger

local now = the_time()
return {ledger_get(KEYS[1], now), text_of(now)}
