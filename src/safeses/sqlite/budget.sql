-- The budget of a scope is one row: read once and written once for a slot.
-- The minute in which it sends now stands in that row too, and goes to the
-- table of minutes when the next one begins.

-- name: read_scope
select
    account_per_s, tat, last_cost, share, lowered_at,
    per_day, elsewhere, reconciled_at, blocked_until,
    total, oldest, newest, newest_count, written_at
from safeses_budget
where scope = ?

-- name: write_scope
insert into safeses_budget (
    account_per_s, tat, last_cost, share, lowered_at,
    per_day, elsewhere, reconciled_at, blocked_until,
    total, oldest, newest, newest_count, written_at, scope
)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (scope) do update set
    account_per_s = excluded.account_per_s,
    tat = excluded.tat,
    last_cost = excluded.last_cost,
    share = excluded.share,
    lowered_at = excluded.lowered_at,
    per_day = excluded.per_day,
    elsewhere = excluded.elsewhere,
    reconciled_at = excluded.reconciled_at,
    blocked_until = excluded.blocked_until,
    total = excluded.total,
    oldest = excluded.oldest,
    newest = excluded.newest,
    newest_count = excluded.newest_count,
    written_at = excluded.written_at

-- name: write_scope_again
-- The same for a row that is there.
update safeses_budget set
    account_per_s = ?, tat = ?, last_cost = ?, share = ?, lowered_at = ?,
    per_day = ?, elsewhere = ?, reconciled_at = ?, blocked_until = ?,
    total = ?, oldest = ?, newest = ?, newest_count = ?, written_at = ?
where scope = ?

-- name: book_at_once
-- A slot that begins now, as most do while there is room: what `Scope.reserve`
-- does when nothing is lowered, blocked, over or new in this minute.
update safeses_budget set
    tat = :now + :cost / (account_per_s * :part),
    last_cost = :cost,
    total = total + :quota,
    newest_count = newest_count + :quota,
    written_at = :now
where scope = :scope
    and tat <= :now
    and share = 1
    and newest = :minute
    and oldest = :oldest
    and written_at <= :now
    and (
        :quota = 0
        or (
            blocked_until <= :now
            and (elsewhere = 0 or reconciled_at >= :now - 86400)
            and (
                per_day is null
                or total + elsewhere + :quota
                    <= cast(per_day * :share as integer)
            )
        )
    )

-- name: put_minute
insert into safeses_budget_minutes (scope, minute, recipients)
values (?, ?, ?)

-- name: minutes
select minute, recipients
from safeses_budget_minutes
where scope = ?
order by minute

-- name: held_in_minute
select recipients
from safeses_budget_minutes
where scope = ? and minute = ?

-- name: take_off_minute
update safeses_budget_minutes
set recipients = recipients - ?
where scope = ? and minute = ?

-- name: sum_before
select coalesce(sum(recipients), 0)
from safeses_budget_minutes
where scope = ? and minute < ?

-- name: delete_before
delete from safeses_budget_minutes
where scope = ? and minute < ?

-- name: sum_since
select coalesce(sum(recipients), 0)
from safeses_budget_minutes
where scope = ? and minute >= ?

-- name: delete_since
delete from safeses_budget_minutes
where scope = ? and minute >= ?
