-- Refuses where the data is not that which the caller has seen before. Its
-- name is in the first argument, behind the time; the key where the present
-- one stands is the last key. Nothing has been read or written by then.
-- needs: time

do
    local known = string.match(ARGV[1], ' (.*)$')
    local found = redis.call('HMGET', KEYS[#KEYS], 'id', 'acknowledged')
    if found[1] ~= known then
        local _, wall = the_time()
        local age_s = wall - (tonumber(found[2] or '0') or 0)
        return redis.error_reply('SAFESES-EPOCH ' .. (found[1] or '-') .. ' '
            .. text_of(age_s))
    end
end
