-- The rules of safeses._budget once more, on two hashes: one of the facts of
-- a scope, one of its recipients by the minute. A test compares the two over
-- random histories; what each rule is for stands there.
-- needs: time

local FORMAT = 1
local HORIZON_S, BULK_HORIZON_S, BULK_HORIZON_SLOTS = 0.5, 0.05, 2
local ASK_LATE_S = 0.001
local PAUSE_S, LOWER_BY, RECOVER_PER_S, LOWER_EVERY_S = 0.5, 0.5, 0.1, 1
local MINUTE_S, MINUTES, DAY_S, DAILY_PAUSE_S = 60, 1440, 86400, 600
local BULK_SHARE = 0.9
local UNKNOWN_RATE_PER_S = 14
-- In this order they are read.
local FACTS = {'format', 'account_per_s', 'tat', 'last_cost', 'share',
    'lowered_at', 'per_day', 'elsewhere', 'reconciled_at', 'blocked_until',
    'total', 'oldest', 'newest', 'latest'}

local function put(scope, name, value)
    if scope[name] ~= value then
        scope[name] = value
        scope.changed[name] = true
    end
end

-- Python's int(): towards zero.
local function whole(number)
    return number < 0 and math.ceil(number) or math.floor(number)
end

local function minute_of(now)
    return math.floor(now / MINUTE_S)
end

local function minutes_of(scope)
    local held = redis.call('HGETALL', scope.minutes)
    local minutes = {}
    for i = 1, #held, 2 do
        minutes[#minutes + 1] = {tonumber(held[i]), tonumber(held[i + 1])}
    end
    table.sort(minutes, function(a, b) return a[1] < b[1] end)
    return minutes
end

local function forget_minutes(scope, names)
    -- Lua unpacks some thousands at most; there are 1,441 minutes.
    if #names > 0 then
        redis.call('HDEL', scope.minutes, unpack(names))
    end
end

local function expire(scope, now)
    local oldest = minute_of(now) - MINUTES
    if not scope.oldest or scope.oldest < oldest then
        local gone, total = {}, scope.total
        for _, held in ipairs(minutes_of(scope)) do
            if held[1] < oldest then
                gone[#gone + 1] = text_of(held[1])
                total = total - held[2]
            end
        end
        forget_minutes(scope, gone)
        put(scope, 'total', total)
        put(scope, 'oldest', oldest)
        if scope.newest and scope.newest < oldest then
            put(scope, 'newest', nil)
        end
    end
    if scope.elsewhere ~= 0 and now - scope.reconciled_at > DAY_S then
        put(scope, 'elsewhere', 0)
    end
end

local function charge(scope, now, cost)
    expire(scope, now)
    local minute = minute_of(now)
    if scope.newest and scope.newest > minute then
        minute = scope.newest
    end
    put(scope, 'newest', minute)
    if cost > 0 then
        redis.call('HINCRBY', scope.minutes, text_of(minute), cost)
        put(scope, 'total', scope.total + cost)
    end
    return minute
end

local function give_back(scope, minute, cost)
    local held = tonumber(
        redis.call('HGET', scope.minutes, text_of(minute)) or '0')
    local returned = math.min(cost, held)
    if returned > 0 then
        redis.call('HINCRBY', scope.minutes, text_of(minute), -returned)
        put(scope, 'total', scope.total - returned)
    end
end

-- The time went back.
local function heal(scope, now)
    put(scope, 'lowered_at', math.min(scope.lowered_at, now))
    put(scope, 'blocked_until',
        math.min(scope.blocked_until, now + DAILY_PAUSE_S))
    put(scope, 'reconciled_at', math.min(scope.reconciled_at, now))
    put(scope, 'oldest', nil)
    local newest = minute_of(now)
    if scope.newest and scope.newest > newest then
        local later, count = {}, 0
        for _, held in ipairs(minutes_of(scope)) do
            if held[1] > newest then
                later[#later + 1] = text_of(held[1])
                count = count + held[2]
            end
        end
        forget_minutes(scope, later)
        redis.call('HINCRBY', scope.minutes, text_of(newest), count)
        put(scope, 'newest', newest)
    end
end

-- Returns the facts of a scope, or nil and what is wrong with them. The
-- arguments from the second on are the caller's own: burst, part, and what
-- rate and quota hold if the scope is not known, as after a loss; '' is none.
local function open_scope(keys, now)
    local held = redis.call('HMGET', keys[1], unpack(FACTS))
    local scope = {key = keys[1], minutes = keys[2], changed = {},
        burst = tonumber(ARGV[2]), part = tonumber(ARGV[3])}
    for i, name in ipairs(FACTS) do
        scope[name] = tonumber(held[i] or '')
    end
    if scope.format and scope.format > FORMAT then
        return nil, 'SAFESES its budget is in format ' .. held[1] .. ', which '
            .. 'this version of safeses does not know; a newer one is needed'
    end
    if not scope.format then
        put(scope, 'account_per_s', tonumber(ARGV[4]))
        put(scope, 'per_day', tonumber(ARGV[5]))
    end
    put(scope, 'format', FORMAT)
    scope.account_per_s = scope.account_per_s or UNKNOWN_RATE_PER_S
    scope.tat = scope.tat or -math.huge
    scope.last_cost = scope.last_cost or 0
    scope.share = scope.share or 1
    scope.lowered_at = scope.lowered_at or -math.huge
    scope.elsewhere = scope.elsewhere or 0
    scope.reconciled_at = scope.reconciled_at or 0
    scope.blocked_until = scope.blocked_until or -math.huge
    scope.total = scope.total or 0
    if scope.latest and now < scope.latest then
        heal(scope, now)
    end
    put(scope, 'latest', now)
    return scope
end

local function write_scope(scope)
    local values, gone = {}, {}
    for name in pairs(scope.changed) do
        if scope[name] == nil then
            gone[#gone + 1] = name
        else
            values[#values + 1] = name
            values[#values + 1] = text_of(scope[name])
        end
    end
    if #values > 0 then
        redis.call('HSET', scope.key, unpack(values))
    end
    if #gone > 0 then
        redis.call('HDEL', scope.key, unpack(gone))
    end
end

local function per_second(scope, now)
    local rate = scope.account_per_s * scope.part
    if scope.share < 1 then
        local recovered = RECOVER_PER_S * math.max(0, now - scope.lowered_at)
        if scope.share + recovered < 1 then
            return rate * (scope.share + recovered)
        end
        put(scope, 'share', 1)
    end
    return rate
end

local function lacks(scope, now, cost, share)
    if cost == 0 then
        return false
    end
    if now < scope.blocked_until then
        return true
    end
    if not scope.per_day then
        return false
    end
    expire(scope, now)
    return scope.total + scope.elsewhere + cost
        > whole(scope.per_day * share)
end

-- Returns the seconds until the slot begins; or nil, when to ask again, and
-- when a slot would begin.
local function book(scope, now, cost, is_bulk, max_wait_s)
    local slot_s = 1 / per_second(scope, now)
    local farthest_s = HORIZON_S + (scope.burst + scope.last_cost) * slot_s
    put(scope, 'tat', math.min(scope.tat, now + farthest_s))
    local credit = (scope.burst - math.min(cost, scope.burst)) * slot_s
    local wait_s = math.max(0, scope.tat - credit - now)
    local horizon_s = HORIZON_S
    if is_bulk then
        local near = math.max(BULK_HORIZON_S, BULK_HORIZON_SLOTS * slot_s)
        horizon_s = math.min(HORIZON_S, near)
    end
    if wait_s > horizon_s or wait_s > max_wait_s then
        return nil, math.max(wait_s - horizon_s, 0) + ASK_LATE_S, wait_s
    end
    put(scope, 'last_cost', cost)
    put(scope, 'tat', math.max(scope.tat, now) + cost * slot_s)
    return wait_s
end

-- Returns when cost is expected to fit.
local function resume_at(scope, now, cost, share)
    local at = math.max(now, scope.blocked_until)
    if not scope.per_day then
        return at
    end
    expire(scope, now)
    local over = scope.total + scope.elsewhere + cost
        - whole(scope.per_day * share)
    if over <= 0 then
        return at
    end
    -- Nobody here knows when that which was sent elsewhere expires.
    local unknown = now + DAILY_PAUSE_S
    local freed = 0
    for _, held in ipairs(minutes_of(scope)) do
        freed = freed + held[2]
        if freed >= over then
            local free = (held[1] + MINUTES + 1) * MINUTE_S
            if scope.elsewhere ~= 0 then
                free = math.min(free, unknown)
            end
            return math.max(at, free)
        end
    end
    return math.max(at, unknown)
end

-- Books a slot and charges the quota, both or neither. What it returns is
-- what safeses.redis._budget reads.
local function reserve(scope, now, wall, asked)
    local share = asked.is_bulk and BULK_SHARE or 1
    if lacks(scope, now, asked.quota_cost, share) then
        local at = resume_at(scope, now, asked.quota_cost, share)
        local kept = share < 1 and not lacks(scope, now, asked.quota_cost, 1)
        return {'quota', text_of(wall), text_of(math.max(at - now, 0.001)),
            kept and '1' or '', scope.per_day and text_of(scope.per_day) or ''}
    end
    local wait_s, ask_in_s, ready_in_s =
        book(scope, now, asked.cost, asked.is_bulk, asked.max_wait_s)
    local limit = text_of(per_second(scope, now))
    if not wait_s then
        return {'later', text_of(ask_in_s), text_of(ready_in_s), limit}
    end
    return {'booked', text_of(wait_s), limit,
        text_of(charge(scope, now, asked.quota_cost))}
end

-- Takes note of a 429: pauses everybody, then goes slower.
local function lower(scope, now)
    if now - scope.lowered_at < LOWER_EVERY_S then
        return
    end
    local rate = per_second(scope, now)
    put(scope, 'share', rate / (scope.account_per_s * scope.part) * LOWER_BY)
    put(scope, 'lowered_at', now)
    put(scope, 'tat', math.max(scope.tat, now + math.max(PAUSE_S, 1 / rate)))
end

-- Takes note of what SES refused: 'rate' or 'daily'.
local function throttled(scope, now, by)
    if by == 'rate' then
        lower(scope, now)
    else
        put(scope, 'blocked_until', now + DAILY_PAUSE_S)
    end
end
