-- The budget of a scope is one row: written once for a slot. The minute in
-- which it sends now stands in that row too, and goes to the table of
-- minutes when the next one begins.

-- name: rate
-- The rate in force, lower for a while after a 429.
account_per_s * :part
    * {least}(1.0, share + 0.1 * {greatest}(0.0, {now} - lowered_at))

-- name: can_book
-- Whether a slot is near enough, the minute the current one, and there is
-- room in the quota. As `Scope.reserve` decides where nothing is to be
-- repaired, forgotten or begun.
scope = :scope
    and tat <= {now} + {least}(
        :max_wait, 0.5, {greatest}(:near, :slots / ({rate}))
    )
    and newest * 60 <= {now}
    and newest * 60 + 60 > {now}
    and oldest = newest - 1440
    and written_at <= {now}
    and (
        :quota = 0
        or (
            blocked_until <= {now}
            and (elsewhere = 0 or reconciled_at >= {now} - 86400)
            and (
                per_day is null
                or total + elsewhere + :quota <= per_day * :quota_share
            )
        )
    )

-- name: book
-- Every recipient takes a slot, for a burst of one.
update {prefix}_budget set
    tat = {greatest}(tat, {now}) + :cost / ({rate}),
    last_cost = :cost,
    total = total + :quota,
    newest_count = newest_count + :quota,
    written_at = {now}
where {can_book}
returning
    {greatest}(0.0, tat - {now} - :cost / ({rate})), {rate}, newest

-- name: book (postgresql)
-- A crash of the host may lose the last moments, which costs no message its
-- record: that one is committed on the disk.
update {prefix}_budget set
    tat = {greatest}(tat, {now}) + :cost / ({rate}),
    last_cost = :cost,
    total = total + :quota,
    newest_count = newest_count + :quota,
    written_at = {now}
where {can_book}
returning
    {greatest}(0.0, tat - {now} - :cost / ({rate})), {rate}, newest,
    set_config('synchronous_commit', 'off', true)

-- name: book (mysql)
-- MySQL says nothing of the row but one number, into which all has to go:
-- the minute, the wait in 2^-30 s, the share of the rate in hundredths.
-- The wait is rounded down, so that it is no longer than the horizon.
-- From left to right, each sees what those before it have set.
update {prefix}_budget set
    newest = newest + 0 * last_insert_id(
        (
            (newest + 33554432) * 1073741824
            + cast(floor({greatest}(0.0, tat - {now}) * 1073741824) as signed)
        ) * 128
        + cast(round({rate} / :known * 100) as signed)
    ),
    tat = {greatest}(tat, {now}) + :cost / ({rate}),
    last_cost = :cost,
    total = total + :quota,
    newest_count = newest_count + :quota,
    written_at = {now}
where {can_book} and account_per_s * :part = :known

-- name: read_scope
select
    account_per_s, tat, last_cost, share, lowered_at,
    per_day, elsewhere, reconciled_at, blocked_until,
    total, oldest, newest, newest_count, written_at, {now}
from {prefix}_budget
where scope = :scope

-- name: lock_scope
select
    account_per_s, tat, last_cost, share, lowered_at,
    per_day, elsewhere, reconciled_at, blocked_until,
    total, oldest, newest, newest_count, written_at, {now}
from {prefix}_budget
where scope = :scope
{for_update}

-- name: make_scope
insert into {prefix}_budget (
    scope, account_per_s, tat, last_cost, share, lowered_at, per_day,
    elsewhere, reconciled_at, blocked_until, total, newest_count, written_at
)
values (
    :scope, :account_per_s, :never, 0, 1, :never, null,
    0, 0, :never, 0, 0, :never
)
on conflict (scope) do nothing

-- name: make_scope (mysql)
insert ignore into {prefix}_budget (
    scope, account_per_s, tat, last_cost, share, lowered_at, per_day,
    elsewhere, reconciled_at, blocked_until, total, newest_count, written_at
)
values (
    :scope, :account_per_s, :never, 0, 1, :never, null,
    0, 0, :never, 0, 0, :never
)

-- name: write_scope
update {prefix}_budget set
    account_per_s = :account_per_s,
    tat = :tat,
    last_cost = :last_cost,
    share = :share,
    lowered_at = :lowered_at,
    per_day = :per_day,
    elsewhere = :elsewhere,
    reconciled_at = :reconciled_at,
    blocked_until = :blocked_until,
    total = :total,
    oldest = :oldest,
    newest = :newest,
    newest_count = :newest_count,
    written_at = :written_at
where scope = :scope

-- name: give_back
-- From the minute that is charged now.
update {prefix}_budget set
    total = total - {least}(:count, newest_count),
    newest_count = newest_count - {least}(:count, newest_count)
where scope = :scope and newest = :minute

-- name: put_minute
insert into {prefix}_budget_minutes (scope, minute, recipients)
values (:scope, :minute, :count)

-- name: minutes
select minute, recipients
from {prefix}_budget_minutes
where scope = :scope and minute >= :minute
order by minute

-- name: held_in_minute
select recipients
from {prefix}_budget_minutes
where scope = :scope and minute = :minute

-- name: take_off_minute
update {prefix}_budget_minutes
set recipients = recipients - :count
where scope = :scope and minute = :minute

-- name: sum_before
select coalesce(sum(recipients), 0)
from {prefix}_budget_minutes
where scope = :scope and minute < :minute

-- name: delete_before
delete from {prefix}_budget_minutes
where scope = :scope and minute < :minute

-- name: sum_since
select coalesce(sum(recipients), 0)
from {prefix}_budget_minutes
where scope = :scope and minute >= :minute

-- name: delete_since
delete from {prefix}_budget_minutes
where scope = :scope and minute >= :minute
