-- What people ask of a file, seldom. A count reads a whole table.

-- name: look
select count(*) from safeses_format

-- name: damage
pragma quick_check (1)

-- name: stats
select 'suppressions', count(*) from safeses_suppressions
union all
select 'jobs', count(*) from safeses_ledger
union all
select 'unknown', count(*) from safeses_ledger
where state = 'unknown'
    or ((state = 'submitting' or (state = 'reserved' and unsure > 0))
        and lease_ends <= :now)
union all
select 'expired jobs', count(*) from safeses_ledger
where expires is not null and expires <= :now
union all
select 'handled events', count(*) from safeses_seen
union all
select 'counts', count(*) from safeses_counters
union all
select 'soft bounces', count(*) from safeses_soft_bounces

-- name: charged
select scope, total from safeses_budget
where total > 0 and newest >= :oldest
order by scope
