-- Returns how many recipients the quota of each scope holds.
-- KEYS: scopes. ARGV: the time.
-- needs: time, budget

local oldest = minute_of((the_time())) - MINUTES
local charged = {}
for i, key in ipairs(KEYS) do
    local held = redis.call('HMGET', key, 'total', 'newest')
    local newest = tonumber(held[2] or '')
    charged[i] = newest and newest >= oldest and held[1] or '0'
end
return charged
