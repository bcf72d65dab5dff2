-- Who bounced lately, and not for good.

-- name: add
insert into safeses_soft_bounces (namespace, address, event, at)
values (:namespace, :address, :event, :at)
on conflict (namespace, address, event) do nothing

-- name: both
-- How many are kept, and how many of these are asked about.
select count(*), coalesce(sum(at >= :since), 0)
from safeses_soft_bounces
where namespace = :namespace and address = :address

-- name: drop_oldest
delete from safeses_soft_bounces
where (namespace, address, event) in (
    select namespace, address, event
    from safeses_soft_bounces
    where namespace = :namespace and address = :address
    order by at
    limit :surplus
)

-- name: count
select count(*)
from safeses_soft_bounces
where namespace = ? and address = ? and at >= ?

-- name: has
select 1
from safeses_soft_bounces
where namespace = ? and address in (:addresses) and at <= ?
limit 1

-- name: clear
delete from safeses_soft_bounces
where namespace = ? and address in (:addresses) and at <= ?

-- name: forget
-- The plus keeps SQLite from reading all of the namespace.
delete from safeses_soft_bounces
where (namespace, address, event) in (
    select namespace, address, event
    from safeses_soft_bounces
    where +namespace = ? and at < ?
    limit ?
)

-- name: forget_everywhere
delete from safeses_soft_bounces
where (namespace, address, event) in (
    select namespace, address, event
    from safeses_soft_bounces
    where at < ?
    limit ?
)
