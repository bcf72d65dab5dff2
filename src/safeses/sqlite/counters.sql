-- How many of what happened, in buckets.

-- name: add
insert into safeses_counters (scope, name, began, number)
values (?, ?, ?, ?)
on conflict (scope, name, began) do update set
    number = safeses_counters.number + excluded.number

-- name: totals
select name, sum(number)
from safeses_counters
where scope = ? and name in (:names) and began >= ? and began < ?
group by name

-- name: forget
delete from safeses_counters
where (scope, name, began) in (
    select scope, name, began
    from safeses_counters
    where began < ?
    limit ?
)
