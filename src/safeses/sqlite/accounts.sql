-- What SES last said of an account, in one region.

-- name: read_account
select account, learnt_at
from safeses_accounts
where scope = ?

-- name: write_account
insert into safeses_accounts (scope, account, learnt_at)
values (?, ?, ?)
on conflict (scope) do update set
    account = excluded.account,
    learnt_at = excluded.learnt_at
