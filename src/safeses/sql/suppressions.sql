-- Who must not be mailed. Keys and entries come as one text of JSON, so that
-- a statement is the same for any number of them.

-- name: find (postgresql)
-- The policy is there, found or not.
select
    lists.policy, entries.folded, entries.address, entries.reason,
    entries.stream, entries.source, entries.note, entries.since_us,
    entries.expires_at_us
from {prefix}_suppression_lists as lists
left join {prefix}_suppressions as entries
    on entries.list_number = lists.number
    and entries.folded = any (
        array(select json_array_elements_text(cast(:keys as json)))
    )
    and entries.stream in ('', :stream)
    and (
        entries.expires_at_us is null
        or entries.expires_at_us > round({wall} * 1000000)
    )
where lists.namespace = :namespace

-- name: find (sqlite)
select
    lists.policy, entries.folded, entries.address, entries.reason,
    entries.stream, entries.source, entries.note, entries.since_us,
    entries.expires_at_us
from {prefix}_suppression_lists as lists
left join {prefix}_suppressions as entries
    on entries.list_number = lists.number
    and entries.folded in (select value from json_each(:keys))
    and entries.stream in ('', :stream)
    and (
        entries.expires_at_us is null
        or entries.expires_at_us > round({wall} * 1000000)
    )
where lists.namespace = :namespace

-- name: find (mysql)
select
    lists.policy, entries.folded, entries.address, entries.reason,
    entries.stream, entries.source, entries.note, entries.since_us,
    entries.expires_at_us
from {prefix}_suppression_lists as lists
left join (
    json_table(:keys, '$[*]' columns (
        folded varchar(255) character set ascii collate ascii_bin path '$'
    )) as asked
    straight_join {prefix}_suppressions as entries
        on entries.folded = asked.folded
        and entries.stream in ('', :stream)
        and (
            entries.expires_at_us is null
            or entries.expires_at_us > round({wall} * 1000000)
        )
) on entries.list_number = lists.number
where lists.namespace = :namespace

-- name: list
select number, policy
from {prefix}_suppression_lists
where namespace = :namespace

-- name: make_list
insert into {prefix}_suppression_lists (namespace, policy)
values (:namespace, :policy)
on conflict (namespace) do nothing

-- name: make_list (mysql)
insert ignore into {prefix}_suppression_lists (namespace, policy)
values (:namespace, :policy)

-- name: add (postgresql)
-- What is added is not over, so it lasts longer than all that is. In the
-- order of the keys: so nobody waits for somebody who waits for him.
insert into {prefix}_suppressions
    (list_number, folded, stream, address, reason, source, note, since_us,
        expires_at_us)
select
    lists.number, given.folded, given.stream, given.address, given.reason,
    given.source, given.note,
    coalesce(given.since_us, cast(round({wall} * 1000000) as bigint)),
    given.expires_at_us
from json_to_recordset(cast(:entries as json)) as given (
    folded text, stream text, address text, reason text, source text,
    note text, since_us bigint, expires_at_us bigint
)
join {prefix}_suppression_lists as lists
    on lists.namespace = :namespace and lists.policy = :policy
where given.expires_at_us is null
    or given.expires_at_us > round({wall} * 1000000)
order by given.folded, given.stream
on conflict (list_number, folded, stream) do update set
    address = excluded.address, reason = excluded.reason,
    source = excluded.source, note = excluded.note,
    since_us = excluded.since_us, expires_at_us = excluded.expires_at_us
where {prefix}_suppressions.expires_at_us < excluded.expires_at_us
    or ({prefix}_suppressions.expires_at_us is not null
        and excluded.expires_at_us is null)
returning folded, stream

-- name: add (sqlite)
insert into {prefix}_suppressions
    (list_number, folded, stream, address, reason, source, note, since_us,
        expires_at_us)
select
    lists.number,
    json_extract(given.value, '$.folded'),
    json_extract(given.value, '$.stream'),
    json_extract(given.value, '$.address'),
    json_extract(given.value, '$.reason'),
    json_extract(given.value, '$.source'),
    json_extract(given.value, '$.note'),
    coalesce(
        json_extract(given.value, '$.since_us'),
        cast(round({wall} * 1000000) as integer)
    ),
    json_extract(given.value, '$.expires_at_us')
from json_each(:entries) as given
join {prefix}_suppression_lists as lists
    on lists.namespace = :namespace and lists.policy = :policy
where json_extract(given.value, '$.expires_at_us') is null
    or json_extract(given.value, '$.expires_at_us')
        > round({wall} * 1000000)
on conflict (list_number, folded, stream) do update set
    address = excluded.address, reason = excluded.reason,
    source = excluded.source, note = excluded.note,
    since_us = excluded.since_us, expires_at_us = excluded.expires_at_us
where {prefix}_suppressions.expires_at_us < excluded.expires_at_us
    or ({prefix}_suppressions.expires_at_us is not null
        and excluded.expires_at_us is null)
returning folded, stream

-- MySQL does not tell what an upsert has changed. So who adds locks the list,
-- looks what is there, and puts what lasts longer.

-- name: lock_list (mysql)
select number, policy, cast(round({wall} * 1000000) as signed)
from {prefix}_suppression_lists
where namespace = :namespace
for update

-- name: ends (mysql)
select entries.folded, entries.stream, entries.expires_at_us
from json_table(:keys, '$[*]' columns (
    folded varchar(255) character set ascii collate ascii_bin path '$'
)) as asked
straight_join {prefix}_suppressions as entries
    on entries.list_number = :number and entries.folded = asked.folded

-- name: put (mysql)
insert into {prefix}_suppressions
    (list_number, folded, stream, address, reason, source, note, since_us,
        expires_at_us)
select
    :number, given.folded, given.stream, given.address, given.reason,
    given.source, given.note, coalesce(given.since_us, :now_us),
    given.expires_at_us
from json_table(:entries, '$[*]' columns (
    folded varchar(255) character set ascii collate ascii_bin
        path '$.folded',
    stream varchar(64) character set ascii collate ascii_bin
        path '$.stream',
    address varchar(2000) path '$.address',
    reason varchar(64) path '$.reason',
    source varchar(64) path '$.source',
    note varchar(1000) path '$.note',
    since_us bigint path '$.since_us',
    expires_at_us bigint path '$.expires_at_us'
)) as given
order by given.folded, given.stream
on duplicate key update
    address = values(address), reason = values(reason),
    source = values(source), note = values(note),
    since_us = values(since_us), expires_at_us = values(expires_at_us)

-- name: remove (postgresql)
delete from {prefix}_suppressions
where list_number = :number
    and folded = any (
        array(select json_array_elements_text(cast(:keys as json)))
    )
    and stream = coalesce(cast(:stream as text), stream)

-- name: remove (sqlite)
delete from {prefix}_suppressions
where list_number = :number
    and folded in (select value from json_each(:keys))
    and stream = coalesce(:stream, stream)

-- name: remove (mysql)
delete entries
from json_table(:keys, '$[*]' columns (
    folded varchar(255) character set ascii collate ascii_bin path '$'
)) as asked
straight_join {prefix}_suppressions as entries
    on entries.list_number = :number and entries.folded = asked.folded
    and entries.stream = coalesce(:stream, entries.stream)

-- name: page
select id, address, reason, stream, source, note, since_us, expires_at_us
from {prefix}_suppressions
where list_number = :number and id > :after
order by id
limit :most

-- name: page (postgresql)
-- Without statistics, as after an import, it takes any list for a short one,
-- and would sort all that is left of it for each page. A limit that it cannot
-- see is one of few rows for it: so it follows the index.
select id, address, reason, stream, source, note, since_us, expires_at_us
from {prefix}_suppressions
where list_number = :number and id > :after
order by id
limit (select cast(:most as bigint))

-- name: count
-- Some of them: to count millions takes longer than a statement may.
select count(*), max(id)
from (
    select id from {prefix}_suppressions
    where list_number = :number and id > :after
    order by id
    limit :most
) as next_ones

-- name: count (postgresql)
-- The same, for the reason that stands at the page.
select count(*), max(id)
from (
    select id from {prefix}_suppressions
    where list_number = :number and id > :after
    order by id
    limit (select cast(:most as bigint))
) as next_ones

-- name: purge
delete from {prefix}_suppressions
where id in (
    select id from {prefix}_suppressions
    where list_number = :number and expires_at_us <= :now_us
    limit :most
)

-- name: purge (mysql)
delete from {prefix}_suppressions
where list_number = :number and expires_at_us <= :now_us
limit :most
