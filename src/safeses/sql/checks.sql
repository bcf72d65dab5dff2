-- What people ask of a database, seldom. A count reads a whole table.

-- name: look (postgresql)
select
    version(), current_setting('server_version_num'),
    pg_is_in_recovery(), current_setting('transaction_read_only'),
    current_setting('fsync'), current_setting('synchronous_commit'), {wall}

-- name: look (mysql)
select
    version(), @@read_only, @@innodb_flush_log_at_trx_commit, {wall}

-- name: look (sqlite)
select sqlite_version(), {wall}

-- name: stats
select 'suppressions', count(*) from {prefix}_suppressions
union all
select 'jobs', count(*) from {prefix}_ledger
union all
select 'unknown', count(*) from {prefix}_ledger
where state = 'unknown'
    or ((state = 'submitting' or (state = 'reserved' and unsure > 0))
        and lease_ends <= {now})
union all
select 'expired jobs', count(*) from {prefix}_ledger
where expires is not null and expires <= {now}
union all
select 'handled events', count(*) from {prefix}_seen
union all
select 'counts', count(*) from {prefix}_counters
union all
select 'soft bounces', count(*) from {prefix}_soft_bounces

-- name: charged
select scope, total
from {prefix}_budget
where total > 0 and newest * 60 >= {now} - 86460
order by scope
