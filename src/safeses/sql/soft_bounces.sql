-- Who bounced lately, and not for good. Of each address there is one row
-- more, without an event: who adds a bounce locks it, so that each counts
-- what those before it have noted. It goes when the latest bounce does.

-- name: lock
insert into {prefix}_soft_bounces (namespace, address, event, happened_at)
values (:namespace, :address, '', :happened_at)
on conflict (namespace, address, event) do update set happened_at = (
    case when {prefix}_soft_bounces.happened_at < excluded.happened_at
        then excluded.happened_at
        else {prefix}_soft_bounces.happened_at
    end
)

-- name: lock (mysql)
insert into {prefix}_soft_bounces (namespace, address, event, happened_at)
values (:namespace, :address, '', :happened_at)
on duplicate key update
    happened_at = greatest(happened_at, values(happened_at))

-- name: add
insert into {prefix}_soft_bounces (namespace, address, event, happened_at)
values (:namespace, :address, :event, :happened_at)
on conflict (namespace, address, event) do nothing

-- name: add (mysql)
insert ignore into {prefix}_soft_bounces
    (namespace, address, event, happened_at)
values (:namespace, :address, :event, :happened_at)

-- name: both
-- How many are kept, and how many of these are asked about.
select
    count(*),
    coalesce(sum(case when happened_at >= :since then 1 else 0 end), 0)
from {prefix}_soft_bounces
where namespace = :namespace and address = :address and event <> ''

-- name: drop_oldest
delete from {prefix}_soft_bounces
where (namespace, address, event) in (
    select namespace, address, event
    from {prefix}_soft_bounces
    where namespace = :namespace and address = :address and event <> ''
    order by happened_at
    limit :surplus
)

-- name: drop_oldest (mysql)
delete from {prefix}_soft_bounces
where namespace = :namespace and address = :address and event <> ''
order by happened_at
limit :surplus

-- name: count
select count(*)
from {prefix}_soft_bounces
where namespace = :namespace and address = :address
    and event <> '' and happened_at >= :since

-- name: has (postgresql)
select 1
from {prefix}_soft_bounces
where namespace = :namespace
    and address = any (
        array(select json_array_elements_text(cast(:addresses as json)))
    )
    and event <> '' and happened_at <= :until
limit 1

-- name: has (sqlite)
select 1
from {prefix}_soft_bounces
where namespace = :namespace
    and address in (select value from json_each(:addresses))
    and event <> '' and happened_at <= :until
limit 1

-- name: has (mysql)
select 1
from json_table(:addresses, '$[*]' columns (
    address varchar(255) character set ascii collate ascii_bin path '$'
)) as asked
join {prefix}_soft_bounces as bounces
    on bounces.namespace = :namespace and bounces.address = asked.address
    and bounces.event <> '' and bounces.happened_at <= :until
limit 1

-- name: clear (postgresql)
delete from {prefix}_soft_bounces
where namespace = :namespace
    and address = any (
        array(select json_array_elements_text(cast(:addresses as json)))
    )
    and happened_at <= :until

-- name: clear (sqlite)
delete from {prefix}_soft_bounces
where namespace = :namespace
    and address in (select value from json_each(:addresses))
    and happened_at <= :until

-- name: clear (mysql)
delete bounces
from json_table(:addresses, '$[*]' columns (
    address varchar(255) character set ascii collate ascii_bin path '$'
)) as asked
join {prefix}_soft_bounces as bounces
    on bounces.namespace = :namespace and bounces.address = asked.address
    and bounces.happened_at <= :until

-- name: forget
delete from {prefix}_soft_bounces
where (namespace, address, event) in (
    select namespace, address, event
    from {prefix}_soft_bounces
    where namespace = :namespace and happened_at < :before
    limit :most
)

-- name: forget (mysql)
delete from {prefix}_soft_bounces
where namespace = :namespace and happened_at < :before
limit :most

-- name: forget_everywhere
delete from {prefix}_soft_bounces
where (namespace, address, event) in (
    select namespace, address, event
    from {prefix}_soft_bounces
    where happened_at < :before
    limit :most
)

-- name: forget_everywhere (mysql)
delete from {prefix}_soft_bounces where happened_at < :before limit :most
