-- Records that SES has accepted what a call holds; returns 1 if it does.
-- KEYS: the job, what is open.
-- ARGV: the time, id, owner, attempt, how it was sent, seconds to keep it.
-- needs: time, ledger

local now = the_time()
local fields = ledger_held(KEYS[1], ARGV[3], ARGV[4], 'submitting', now)
if not (fields and fields[KEYED] == '1') then
    return 0
end
fields[STATE] = 'accepted'
fields[SENT] = ARGV[5]
fields[EXPIRES] = text_of(now + tonumber(ARGV[6]))
ledger_put(KEYS[1], KEYS[2], ARGV[2], fields, now)
return 1
