-- Admits a mail where all is plain: sending is not paused, nobody of the
-- recipients is suppressed, and nothing is known of the job. Otherwise it
-- changes nothing, returns 'parts', and the parts are asked one by one.
-- needs: time, budget, ledger, suppressions

-- A pause that SES has not confirmed for so long may be over.
local PAUSE_BELIEVED_S = 600
-- Where arguments and keys of the screening begin.
local KEYS_BEFORE, ARGS_BEFORE = 5, 15

local function is_paused(key, now)
    local held = redis.call('HMGET', key, 'stops', 'at')
    if held[1] ~= '1' then
        return false
    end
    local age_s = now - tonumber(held[2])
    return age_s >= 0 and age_s < PAUSE_BELIEVED_S
end

-- Returns whether somebody may be suppressed, and what the list is folded
-- by, '' if there is no list.
local function screen(count, wall)
    local keys, args = {}, {}
    for i = 1, count + 1 do
        keys[i] = KEYS[KEYS_BEFORE + i]
    end
    for i = 1, count + 2 do
        args[i] = ARGV[ARGS_BEFORE + i]
    end
    local policy = redis.call('HGET', keys[1], 'policy') or ''
    if policy == '' and ARGV[15] == '' then
        return false, policy  -- nobody has ever added an entry
    end
    return is_any_suppressed(keys, args, wall), policy
end

local function admit()
    local now, wall = the_time()
    if is_paused(KEYS[1], now) then
        return {'parts'}
    end
    local policy = ''
    if ARGV[14] ~= '' then
        local stopped
        stopped, policy = screen(tonumber(ARGV[14]), wall)
        if stopped then
            return {'parts'}
        end
    end
    local noted = ARGV[10]
    if noted == 'mail' then
        -- What cannot be noted fails before anything is booked.
        redis.call('ZSCORE', KEYS[5], ARGV[11])
    end
    if noted ~= '' and ledger_get(KEYS[4], now) then
        return {'parts'}
    end
    local scope, problem = open_scope({KEYS[2], KEYS[3]}, now)
    if not scope then
        return redis.error_reply(problem)
    end
    local answer = reserve(scope, now, wall, {
        cost = tonumber(ARGV[6]), quota_cost = tonumber(ARGV[7]),
        is_bulk = ARGV[8] == '1', max_wait_s = tonumber(ARGV[9])})
    write_scope(scope)
    local is_noted = ''
    if answer[1] == 'booked' then
        local wait_s = tonumber(answer[2])
        if noted == 'job' or (noted == 'mail' and wait_s == 0) then
            ledger_add(KEYS[4], KEYS[5], ARGV[11], ARGV[12],
                wait_s + tonumber(ARGV[13]), now, wall)
            is_noted = '1'
        end
    end
    return {policy, is_noted, answer}
end
