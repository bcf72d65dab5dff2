-- name: list
select number, policy from safeses_suppression_lists where namespace = ?

-- name: make_list
insert into safeses_suppression_lists (namespace, policy) values (?, ?)

-- name: add
-- What is added is not over, so it lasts longer than all that is.
insert into safeses_suppressions
    (list, key, address, stream, reason, source, note, since_us,
        expires_at_us)
values
    (:list, :key, :address, :stream, :reason, :source, :note, :since_us,
        :expires_at_us)
on conflict (list, key, stream) do update set
    address = excluded.address,
    reason = excluded.reason, source = excluded.source,
    note = excluded.note, since_us = excluded.since_us,
    expires_at_us = excluded.expires_at_us
where safeses_suppressions.expires_at_us < excluded.expires_at_us
    or (safeses_suppressions.expires_at_us is not null
        and excluded.expires_at_us is null)

-- name: find
-- The first row is the policy, found or not. Values in a join are read one
-- by one; with "in" they would first be sorted into a table of their own.
select
    policy, null, null, null, null, null, null, null, null
from safeses_suppression_lists
where namespace = ?
union all
select
    null, entries.key, entries.address, entries.reason, entries.stream,
    entries.source, entries.note, entries.since_us, entries.expires_at_us
from (values :keys) as asked
cross join safeses_suppressions as entries
    on entries.list = (
        select number from safeses_suppression_lists where namespace = ?
    )
    and entries.key = asked.column1
    and entries.stream in ('', ?)
    and (entries.expires_at_us is null or entries.expires_at_us > ?)

-- name: find_one
-- The same for one key, which most mails have; it takes half as long.
select
    lists.policy, entries.key, entries.address, entries.reason,
    entries.stream, entries.source, entries.note, entries.since_us,
    entries.expires_at_us
from safeses_suppression_lists as lists
left join safeses_suppressions as entries
    on entries.list = lists.number
    and entries.key = ?
    and entries.stream in ('', ?)
    and (entries.expires_at_us is null or entries.expires_at_us > ?)
where lists.namespace = ?

-- name: remove
delete from safeses_suppressions
where list = ? and key in (values :keys) and stream = coalesce(?, stream)

-- name: page
select id, address, reason, stream, source, note, since_us, expires_at_us
from safeses_suppressions
where list = ? and id > ?
order by id
limit ?

-- name: count
select count(*) from safeses_suppressions where list = ?

-- name: purge
delete from safeses_suppressions
where id in (
    select id from safeses_suppressions
    where list = ? and expires_at_us <= ?
    limit ?
)
