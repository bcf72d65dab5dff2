-- KEYS: the account. ARGV: the time, what SES said, '1' if it stops all.
-- needs: time

redis.call('HSET', KEYS[1], 'text', ARGV[2], 'stops', ARGV[3],
    'at', text_of((the_time())))
return 1
