-- A record of the ledger: a text of lines, in the order of these numbers.
-- Texts in it are JSON, so that no line holds another. What a newer version
-- has added stands behind, and stays.
-- needs: time

local STATE, OWNER, ATTEMPT, UNSURE, KEYED = 1, 2, 3, 4, 5
local LEASE_S, LEASE_ENDS, EXPIRES = 6, 7, 8
local BEGAN_WALL, SUBMITTED_WALL = 9, 10
local RECIPIENTS, LEFT_OUT, SENT = 11, 12, 13
-- When a record ends stands in it; Redis removes it some time later.
local KEPT_LONGER_MS = 60000

local function ledger_fields(text)
    local fields = {}
    for line in string.gmatch(text .. '\n', '([^\n]*)\n') do
        fields[#fields + 1] = line
    end
    return fields
end

-- Returns the text of a record, false if there is none, or none any more.
local function ledger_get(job, now)
    local text = redis.call('GET', job)
    if not text then
        return false
    end
    local expires = tonumber(ledger_fields(text)[EXPIRES])
    if expires and expires <= now then
        return false
    end
    return text
end

-- Writes a record, and notes in a list whether its outcome may be open.
local function ledger_put(job, open, id, fields, now)
    local text = table.concat(fields, '\n')
    local state = fields[STATE]
    if state == 'submitting' or state == 'unknown'
            or (state == 'reserved' and tonumber(fields[UNSURE]) > 0) then
        redis.call('ZADD', open, 0, id)
    elseif state ~= 'reserved' then
        -- It takes no memory, so it works where there is none; and once it
        -- has written, a script may go on. How a send ended is recorded.
        redis.call('ZREM', open, id)
    end
    local expires = tonumber(fields[EXPIRES])
    if expires then
        local left_ms = math.max(0, math.ceil((expires - now) * 1000))
            + KEPT_LONGER_MS
        redis.call('SET', job, text, 'PX', string.format('%.0f', left_ms))
    else
        redis.call('SET', job, text)
    end
end

local function ledger_forget(job, open, id)
    redis.call('DEL', job)
    redis.call('ZREM', open, id)
end

-- Adds a record, unless the job is known; returns whether it did.
-- text: the record of a lease of 0 s that was given when time began.
local function ledger_add(job, open, id, text, lease_s, now, wall)
    if ledger_get(job, now) then
        return false
    end
    local fields = ledger_fields(text)
    fields[LEASE_S] = text_of(lease_s)
    fields[LEASE_ENDS] = text_of(now + lease_s)
    if fields[EXPIRES] ~= '' then
        fields[EXPIRES] = text_of(now + lease_s + tonumber(fields[EXPIRES]))
    end
    fields[BEGAN_WALL] = text_of(wall)
    if fields[SUBMITTED_WALL] ~= '' then
        fields[SUBMITTED_WALL] = text_of(wall)
    end
    ledger_put(job, open, id, fields, now)
    return true
end

-- Returns the fields of a job that a call holds in a state, else false.
local function ledger_held(job, owner, attempt, state, now)
    local text = ledger_get(job, now)
    local fields = text and ledger_fields(text)
    return fields and fields[STATE] == state and fields[OWNER] == owner
        and fields[ATTEMPT] == attempt and fields
end

-- Forgets a mail without a key whose outcome is known, if it stands as for
-- nearly every send; returns whether it did.
local function ledger_settle_unkeyed(job, open, id, owner, attempt, now)
    local fields = ledger_held(job, owner, attempt, 'submitting', now)
    if not (fields and fields[KEYED] == '0' and fields[UNSURE] == '0') then
        return false
    end
    ledger_forget(job, open, id)
    return true
end
