-- Admits a mail without a key; a call that sends no mail, too.
-- KEYS: the account, the scope, its minutes, the job, what is open, the list
-- of the suppressed, and for each recipient where to look.
-- ARGV: the time, burst, part, rate and quota as the caller knows them, cost,
-- quota cost, '1' for bulk, the longest wait, what to note ('job', 'mail' if
-- its slot begins now, or ''), the id, the record, the lease from the
-- beginning of the slot, how many recipients ('' if they are not screened),
-- '1' if the list has been there; what the list is folded by, the stream, and
-- for each recipient the key.
-- needs: admission

return admit()
