-- Returns where to go on, and some keys.
-- KEYS: any, for a cluster to find the node.
-- ARGV: the time, where to begin, the pattern, how many to look at.

return redis.call('SCAN', ARGV[2], 'MATCH', ARGV[3], 'COUNT', ARGV[4])
