-- Every table of the file. A statement ends with ";"; each part of the
-- state has its tables under a heading of its own.

-- the file

create table if not exists safeses_format (
    part text not null primary key,
    number integer not null
);

create table if not exists safeses_timeline (
    id integer primary key,
    boot text not null unique,
    ahead_s real not null
);

-- budget

create table if not exists safeses_budget (
    scope text primary key,
    account_per_s real not null,
    tat real not null,
    last_cost real not null,
    share real not null,
    lowered_at real not null,
    per_day real,
    elsewhere real not null,
    reconciled_at real not null,
    blocked_until real not null,
    total integer not null,
    oldest integer,
    newest integer,
    newest_count integer not null,
    written_at real not null
) without rowid;

create table if not exists safeses_budget_minutes (
    scope text not null,
    minute integer not null,
    recipients integer not null,
    primary key (scope, minute)
) without rowid;

create table if not exists safeses_accounts (
    scope text primary key,
    account text not null,
    learnt_at real not null
) without rowid;

-- suppressions
-- Who must not be mailed. A list is what one namespace sees; its policy is
-- how all who share it fold addresses, so that they find what others added.
create table if not exists safeses_suppression_lists (
    number integer primary key,
    namespace text not null unique,
    policy text not null
);
-- A key is a folded address, or the HMAC of one; beside that the address
-- is empty, else it is as it was written. An entry keeps its id for
-- as long as it is there, which is what pages go by. Times are microseconds
-- since 1970, UTC: whole numbers hold every date exactly. No end is null.
create table if not exists safeses_suppressions (
    id integer primary key,
    list integer not null,
    key text not null,
    address text not null,
    stream text not null,
    reason text not null,
    source text not null,
    note text not null,
    since_us integer not null,
    expires_at_us integer,
    unique (list, key, stream)
);
-- Every index ends with the id, so this one holds the pages of a list.
create index if not exists safeses_suppressions_by_id
    on safeses_suppressions (list);
create index if not exists safeses_suppressions_by_end
    on safeses_suppressions (list, expires_at_us)
    where expires_at_us is not null;

-- ledger
-- Job by job what became of it. Whole times are seconds, on the scale of the
-- file unless they say wall. The last four columns are JSON, null if empty.
create table if not exists safeses_ledger (
    id text not null primary key,
    state text not null,
    owner text not null,
    attempt integer not null,
    keyed integer not null,
    payload text not null,
    unsure integer not null,
    reason text not null,
    began_wall real not null,
    submitted_wall real,
    lease_s real not null,
    lease_ends real not null,
    expires real,
    recipients integer not null,
    tagged integer not null,
    left_out text,
    sent text,
    others text,
    refused text
) without rowid;
-- None for what is open: people list that now and then, and every send would
-- have to put itself in and take itself out.
create index if not exists safeses_ledger_expires on safeses_ledger (expires)
    where expires is not null;
-- The minutes of which events of mail have arrived, and when in each the
-- latest of that mail was sent, in seconds since 1970.
create table if not exists safeses_ledger_proofs (
    namespace text not null,
    minute integer not null,
    latest real not null,
    primary key (namespace, minute)
) without rowid;

-- seen
-- Which events were handled, and by what; the second table says who handles
-- one just now. Times are seconds on the scale of the file.
create table if not exists safeses_seen (
    namespace text not null,
    event text not null,
    done_by text not null,
    ends real not null,
    primary key (namespace, event, done_by)
) without rowid;
create index if not exists safeses_seen_by_end on safeses_seen (ends);
create table if not exists safeses_seen_holds (
    namespace text not null,
    event text not null,
    owner text not null,
    began real not null,
    ends real not null,
    primary key (namespace, event)
) without rowid;

-- counters
-- How many of what happened in a bucket of five minutes, which began at a
-- number of seconds since 1970, UTC.
create table if not exists safeses_counters (
    scope text not null,
    name text not null,
    began integer not null,
    number integer not null,
    primary key (scope, name, began)
) without rowid;
create index if not exists safeses_counters_by_begin
    on safeses_counters (began);

-- soft bounces
-- Who bounced lately, and not for good: event by event, with when it
-- happened, in seconds since 1970, UTC.
create table if not exists safeses_soft_bounces (
    namespace text not null,
    address text not null,
    event text not null,
    at real not null,
    primary key (namespace, address, event)
) without rowid;
create index if not exists safeses_soft_bounces_by_time
    on safeses_soft_bounces (at);
