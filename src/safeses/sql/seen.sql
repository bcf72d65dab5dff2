-- Which events were handled, and who handles one just now.

-- name: has
select 1 from {prefix}_seen
where namespace = :namespace and event = :event and done_by = :done_by
    and ends > {now}

-- name: mark
insert into {prefix}_seen (namespace, event, done_by, ends)
values (:namespace, :event, :done_by, {now} + :keep_s)
on conflict (namespace, event, done_by) do update set ends = excluded.ends
where {prefix}_seen.ends <= {now}

-- name: mark (mysql)
-- Which of both an upsert has done MySQL does not tell.
insert ignore into {prefix}_seen (namespace, event, done_by, ends)
values (:namespace, :event, :done_by, {now} + :keep_s)

-- name: mark_anew
update {prefix}_seen set ends = {now} + :keep_s
where namespace = :namespace and event = :event and done_by = :done_by
    and ends <= {now}

-- name: is_marked
select 1 from {prefix}_seen
where namespace = :namespace and event = :event and done_by = :done_by

-- name: hold
-- A lease that began much later than now is from before the clock of the
-- engine was set back: it would keep all others away until then.
insert into {prefix}_seen_holds (namespace, event, owner, began, ends)
values (:namespace, :event, :owner, {now}, {now} + :lease_s)
on conflict (namespace, event) do update set
    owner = excluded.owner,
    began = excluded.began,
    ends = excluded.ends
where {prefix}_seen_holds.owner = excluded.owner
    or {prefix}_seen_holds.ends <= {now}
    or 2 * {prefix}_seen_holds.began - {prefix}_seen_holds.ends > {now}

-- name: hold (mysql)
insert ignore into {prefix}_seen_holds (namespace, event, owner, began, ends)
values (:namespace, :event, :owner, {now}, {now} + :lease_s)

-- name: hold_anew
update {prefix}_seen_holds set
    ends = {now} + :lease_s, began = {now}, owner = :owner
where namespace = :namespace and event = :event
    and (
        owner = :owner or ends <= {now} or 2 * began - ends > {now}
    )

-- name: is_held
select 1 from {prefix}_seen_holds
where namespace = :namespace and event = :event

-- name: release
delete from {prefix}_seen_holds
where namespace = :namespace and event = :event and owner = :owner

-- name: purge_marks
delete from {prefix}_seen
where (namespace, event, done_by) in (
    select namespace, event, done_by
    from {prefix}_seen
    where ends <= :over
    limit :most
)

-- name: purge_marks (mysql)
delete from {prefix}_seen where ends <= :over limit :most

-- name: purge_holds
delete from {prefix}_seen_holds
where (namespace, event) in (
    select namespace, event
    from {prefix}_seen_holds
    where ends <= :over
    limit :most
)

-- name: purge_holds (mysql)
delete from {prefix}_seen_holds where ends <= :over limit :most
