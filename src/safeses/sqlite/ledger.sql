-- Which columns a record has stands in ledger/_columns.py, in the same order.

-- name: get
select
    id, state, owner, attempt, keyed, payload, unsure, reason, began_wall,
    submitted_wall, lease_s, lease_ends, expires, recipients, tagged,
    left_out, sent, others, refused
from safeses_ledger where id = ?

-- name: add
insert into safeses_ledger (
    id, state, owner, attempt, keyed, payload, unsure, reason, began_wall,
    submitted_wall, lease_s, lease_ends, expires, recipients, tagged,
    left_out, sent, others, refused
) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (id) do nothing

-- name: put
insert into safeses_ledger (
    id, state, owner, attempt, keyed, payload, unsure, reason, began_wall,
    submitted_wall, lease_s, lease_ends, expires, recipients, tagged,
    left_out, sent, others, refused
) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (id) do update set
    state = excluded.state, owner = excluded.owner,
    attempt = excluded.attempt, keyed = excluded.keyed,
    payload = excluded.payload, unsure = excluded.unsure,
    reason = excluded.reason, began_wall = excluded.began_wall,
    submitted_wall = excluded.submitted_wall, lease_s = excluded.lease_s,
    lease_ends = excluded.lease_ends, expires = excluded.expires,
    recipients = excluded.recipients, tagged = excluded.tagged,
    left_out = excluded.left_out,
    sent = excluded.sent, others = excluded.others,
    refused = excluded.refused

-- name: forget
delete from safeses_ledger where id = ?

-- name: submit
update safeses_ledger set
    state = 'submitting', submitted_wall = ?, lease_s = ?, lease_ends = ?,
    recipients = ?, left_out = ?, expires = null
where id = ? and owner = ? and attempt = ? and state = 'reserved'

-- name: renew
update safeses_ledger set lease_ends = ?
where id = ? and owner = ? and attempt = ?
    and state in ('reserved', 'submitting')

-- name: accept
update safeses_ledger set state = 'accepted', sent = ?, expires = ?
where id = ? and owner = ? and attempt = ? and state = 'submitting'
    and keyed

-- name: settle_unkeyed
delete from safeses_ledger
where id = ? and owner = ? and attempt = ? and state = 'submitting'
    and unsure = 0 and not keyed

-- name: unsettled
select
    id, state, owner, attempt, keyed, payload, unsure, reason, began_wall,
    submitted_wall, lease_s, lease_ends, expires, recipients, tagged,
    left_out, sent, others, refused
from safeses_ledger
where id > :after
    and state in ('reserved', 'submitting', 'unknown')
    and (
        state = 'unknown'
        or (
            (state = 'submitting' or unsure > 0)
            and lease_ends <= :now
        )
    )
order by id
limit :limit

-- name: every
select
    id, state, owner, attempt, keyed, payload, unsure, reason, began_wall,
    submitted_wall, lease_s, lease_ends, expires, recipients, tagged,
    left_out, sent, others, refused
from safeses_ledger
where id > :after
order by id
limit :limit

-- name: purge
delete from safeses_ledger
where id in (
    select id from safeses_ledger
    where expires is not null and expires <= ?
    limit ?
)

-- name: note_proof
insert into safeses_ledger_proofs (namespace, minute, latest)
values (?, ?, ?)
on conflict (namespace, minute) do update set latest = excluded.latest
where latest < excluded.latest

-- name: forget_proof
delete from safeses_ledger_proofs
where namespace = :namespace and minute <= (
    select minute from safeses_ledger_proofs
    where namespace = :namespace
    order by minute desc
    limit 1 offset :keep
)

-- name: has_proof
select 1 from safeses_ledger_proofs
where namespace = ? and minute between ? and ? and latest >= ?
limit 1
