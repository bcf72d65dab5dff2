-- Which events were handled, and who handles one just now.

-- name: has
select 1 from safeses_seen
where namespace = ? and event = ? and done_by = ? and ends > ?

-- name: mark
insert into safeses_seen (namespace, event, done_by, ends)
values (:namespace, :event, :by, :ends)
on conflict (namespace, event, done_by) do update set ends = excluded.ends
where safeses_seen.ends <= :now

-- name: hold
-- A lease that began later than now is from before a start of the machine,
-- when its clock was ahead.
insert into safeses_seen_holds (namespace, event, owner, began, ends)
values (:namespace, :event, :owner, :now, :ends)
on conflict (namespace, event) do update set
    owner = excluded.owner,
    began = excluded.began,
    ends = excluded.ends
where safeses_seen_holds.owner = excluded.owner
    or safeses_seen_holds.ends <= :now
    or safeses_seen_holds.began > :now

-- name: release
delete from safeses_seen_holds
where namespace = ? and event = ? and owner = ?

-- name: purge_marks
delete from safeses_seen
where (namespace, event, done_by) in (
    select namespace, event, done_by
    from safeses_seen
    where ends <= ?
    limit ?
)

-- name: purge_holds
delete from safeses_seen_holds
where (namespace, event) in (
    select namespace, event
    from safeses_seen_holds
    where ends <= ?
    limit ?
)
