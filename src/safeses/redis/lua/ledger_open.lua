-- Returns ids of jobs whose outcome may be open.
-- KEYS: what is open. ARGV: the time, where to begin, how many at most.
-- needs: epoch

return redis.call(
    'ZRANGEBYLEX', KEYS[1], ARGV[2], '+', 'LIMIT', 0, ARGV[3])
