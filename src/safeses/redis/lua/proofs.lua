-- Which events of mail have arrived: by the minute in which the mail was
-- sent, the latest time of it.

local function note_proof(proofs, minute, sent_at, minutes_to_keep)
    local latest = redis.call('ZSCORE', proofs, minute)
    if not latest or tonumber(latest) < tonumber(sent_at) then
        redis.call('ZADD', proofs, sent_at, minute)
        redis.call('ZREMRANGEBYRANK', proofs, 0, -1 - tonumber(minutes_to_keep))
    end
end
