-- Returns how the list folds, or false, and of each who is found: the
-- number, whether the entry is for the stream only, the value.
-- KEYS: the list, then for each recipient the hash in which to look.
-- ARGV: the time, the stream, then for each the key.
-- needs: time, suppressions

local _, wall = the_time()
local answer = {redis.call('HGET', KEYS[1], 'policy')}
for i = 2, #KEYS do
    local value, is_stream = find_suppression(
        KEYS[i], ARGV[i + 1], ARGV[2], wall)
    if value then
        answer[#answer + 1] = i - 2
        answer[#answer + 1] = is_stream
        answer[#answer + 1] = value
    end
end
return answer
