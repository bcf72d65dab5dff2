-- Returns what is known of a job, or false, and the time. How an attempt
-- ended is recorded even where what was known before is lost.
-- KEYS: the job.
-- needs: time, ledger

local now = the_time()
return {ledger_get(KEYS[1], now), text_of(now)}
