-- Which columns a record has stands in ledger/_columns.py, in the same order.

-- name: time
select {now}, {wall}

-- name: get
select
    {now}, id, state, owner, attempt, keyed, payload, unsure, reason,
    began_wall, submitted_wall, lease_s, lease_ends, expires, recipients,
    tagged, left_out, sent, others, refused
from {prefix}_ledger where id = :id

-- name: lock
-- The same, and nobody else changes it until the transaction ends.
select
    {now}, id, state, owner, attempt, keyed, payload, unsure, reason,
    began_wall, submitted_wall, lease_s, lease_ends, expires, recipients,
    tagged, left_out, sent, others, refused
from {prefix}_ledger where id = :id
{for_update}

-- name: begin
-- A record that begins now: its times count from here.
insert into {prefix}_ledger (
    id, state, owner, attempt, keyed, payload, unsure, reason, began_wall,
    submitted_wall, lease_s, lease_ends, expires, recipients, tagged,
    left_out, sent, others, refused
) values (
    :id, :state, :owner, :attempt, :keyed, :payload, :unsure, :reason,
    {wall} + :began_wall, {wall} + :submitted_wall, :lease_s,
    {now} + :lease_ends, {now} + :expires, :recipients, :tagged,
    :left_out, :sent, :others, :refused
)
on conflict (id) do nothing

-- name: begin (mysql)
insert ignore into {prefix}_ledger (
    id, state, owner, attempt, keyed, payload, unsure, reason, began_wall,
    submitted_wall, lease_s, lease_ends, expires, recipients, tagged,
    left_out, sent, others, refused
) values (
    :id, :state, :owner, :attempt, :keyed, :payload, :unsure, :reason,
    {wall} + :began_wall, {wall} + :submitted_wall, :lease_s,
    {now} + :lease_ends, {now} + :expires, :recipients, :tagged,
    :left_out, :sent, :others, :refused
)

-- name: add
insert into {prefix}_ledger (
    id, state, owner, attempt, keyed, payload, unsure, reason, began_wall,
    submitted_wall, lease_s, lease_ends, expires, recipients, tagged,
    left_out, sent, others, refused
) values (
    :id, :state, :owner, :attempt, :keyed, :payload, :unsure, :reason,
    :began_wall, :submitted_wall, :lease_s, :lease_ends, :expires,
    :recipients, :tagged, :left_out, :sent, :others, :refused
)
on conflict (id) do nothing

-- name: add (mysql)
insert ignore into {prefix}_ledger (
    id, state, owner, attempt, keyed, payload, unsure, reason, began_wall,
    submitted_wall, lease_s, lease_ends, expires, recipients, tagged,
    left_out, sent, others, refused
) values (
    :id, :state, :owner, :attempt, :keyed, :payload, :unsure, :reason,
    :began_wall, :submitted_wall, :lease_s, :lease_ends, :expires,
    :recipients, :tagged, :left_out, :sent, :others, :refused
)

-- name: replace
update {prefix}_ledger set
    state = :state, owner = :owner, attempt = :attempt, keyed = :keyed,
    payload = :payload, unsure = :unsure, reason = :reason,
    began_wall = :began_wall, submitted_wall = :submitted_wall,
    lease_s = :lease_s, lease_ends = :lease_ends, expires = :expires,
    recipients = :recipients, tagged = :tagged, left_out = :left_out,
    sent = :sent, others = :others, refused = :refused
where id = :id

-- name: forget
delete from {prefix}_ledger where id = :id

-- name: submit
update {prefix}_ledger set
    state = 'submitting', submitted_wall = {wall}, lease_s = :lease_s,
    lease_ends = {now} + :lease_s, recipients = :recipients,
    left_out = :left_out, expires = null
where id = :id and owner = :owner and attempt = :attempt
    and state = 'reserved'

-- name: accept
update {prefix}_ledger set
    state = 'accepted', sent = :sent, expires = {now} + :keep_s
where id = :id and owner = :owner and attempt = :attempt
    and state = 'submitting' and keyed = 1

-- name: settle_unkeyed
delete from {prefix}_ledger
where id = :id and owner = :owner and attempt = :attempt
    and state = 'submitting' and unsure = 0 and keyed = 0

-- name: unsettled
select
    {now}, id, state, owner, attempt, keyed, payload, unsure, reason,
    began_wall, submitted_wall, lease_s, lease_ends, expires, recipients,
    tagged, left_out, sent, others, refused
from {prefix}_ledger
where id > :after
    and state in ('reserved', 'submitting', 'unknown')
    and (
        state = 'unknown'
        or (
            (state = 'submitting' or unsure > 0)
            and lease_ends <= :over
        )
    )
order by id
limit :most

-- name: all
select
    {now}, id, state, owner, attempt, keyed, payload, unsure, reason,
    began_wall, submitted_wall, lease_s, lease_ends, expires, recipients,
    tagged, left_out, sent, others, refused
from {prefix}_ledger
where id > :after
order by id
limit :most

-- name: purge
delete from {prefix}_ledger
where id in (
    select id from {prefix}_ledger where expires <= :over limit :most
)

-- name: purge (mysql)
delete from {prefix}_ledger where expires <= :over limit :most

-- name: note_proof
insert into {prefix}_ledger_proofs (namespace, minute, latest)
values (:namespace, :minute, :latest)
on conflict (namespace, minute) do update set latest = excluded.latest
where {prefix}_ledger_proofs.latest < excluded.latest

-- name: note_proof (mysql)
insert into {prefix}_ledger_proofs (namespace, minute, latest)
values (:namespace, :minute, :latest)
on duplicate key update latest = greatest(latest, values(latest))

-- name: forget_proof
-- The inner table lets MySQL read what it deletes from.
delete from {prefix}_ledger_proofs
where namespace = :namespace and minute <= (
    select minute from (
        select minute from {prefix}_ledger_proofs
        where namespace = :namespace
        order by minute desc
        limit 1 offset :keep
    ) as oldest
)

-- name: has_proof
select 1 from {prefix}_ledger_proofs
where namespace = :namespace and minute between :first and :last
    and latest >= :since
limit 1
