-- Notes an event of a mail, and returns what is known of it, and the time.
-- KEYS: the proofs, the job.
-- ARGV: the time, minute, when it was sent, how many minutes to keep.
-- needs: time, ledger, proofs

local now = the_time()
note_proof(KEYS[1], ARGV[2], ARGV[3], ARGV[4])
return {ledger_get(KEYS[2], now), text_of(now)}
