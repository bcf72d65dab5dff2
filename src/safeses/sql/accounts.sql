-- What SES last said of an account, in one region.

-- name: read_account
select account, learnt_at, {now}
from {prefix}_accounts
where scope = :scope

-- name: write_account
insert into {prefix}_accounts (scope, account, learnt_at)
values (:scope, :account, {now})
on conflict (scope) do update set
    account = excluded.account,
    learnt_at = excluded.learnt_at

-- name: write_account (mysql)
insert into {prefix}_accounts (scope, account, learnt_at)
values (:scope, :account, {now})
on duplicate key update
    account = values(account),
    learnt_at = values(learnt_at)
