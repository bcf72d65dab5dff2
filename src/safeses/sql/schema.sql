-- The tables, in the order in which they are made. Every one says in
-- `format` which version of safeses understands it: see _schema.py.

-- name: formats
create table if not exists {prefix}_format (
    part {key} not null primary key,
    format integer not null
) {options}

-- Budget -------------------------------------------------------------------

-- name: budget
create table if not exists {prefix}_budget (
    scope {key} not null primary key,
    account_per_s {double} not null,
    tat {double} not null,
    last_cost {double} not null,
    share {double} not null,
    lowered_at {double} not null,
    per_day {double},
    elsewhere {double} not null,
    reconciled_at {double} not null,
    blocked_until {double} not null,
    total bigint not null,
    oldest bigint,
    newest bigint,
    newest_count bigint not null,
    written_at {double} not null
) {options}

-- name: budget_minutes
create table if not exists {prefix}_budget_minutes (
    scope {key} not null,
    minute bigint not null,
    recipients bigint not null,
    primary key (scope, minute)
) {options}

-- Accounts -----------------------------------------------------------------

-- name: accounts
create table if not exists {prefix}_accounts (
    scope {key} not null primary key,
    account {text} not null,
    learnt_at {double} not null
) {options}

-- Ledger -------------------------------------------------------------------
-- Job by job what became of it. Times are seconds on the scale of the engine
-- unless they say wall. The last four columns are JSON, null if empty.

-- name: ledger
create table if not exists {prefix}_ledger (
    id {key} not null primary key,
    state varchar(16) not null,
    owner {key} not null,
    attempt bigint not null,
    keyed smallint not null,
    payload {text} not null,
    unsure bigint not null,
    reason {text} not null,
    began_wall {double} not null,
    submitted_wall {double},
    lease_s {double} not null,
    lease_ends {double} not null,
    expires {double},
    recipients bigint not null,
    tagged smallint not null,
    left_out {text},
    sent {text},
    others {text},
    refused {text}
) {options}

-- name: ledger (mysql)
create table if not exists {prefix}_ledger (
    id {key} not null primary key,
    state varchar(16) character set ascii collate ascii_bin not null,
    owner {key} not null,
    attempt bigint not null,
    keyed smallint not null,
    payload {text} not null,
    unsure bigint not null,
    reason {text} not null,
    began_wall {double} not null,
    submitted_wall {double},
    lease_s {double} not null,
    lease_ends {double} not null,
    expires {double},
    recipients bigint not null,
    tagged smallint not null,
    left_out {text},
    sent {text},
    others {text},
    refused {text},
    index by_expiry (expires),
    index by_state (state, id)
) {options}

-- name: ledger_by_expiry (postgresql, sqlite)
create index if not exists {prefix}_ledger_by_expiry
    on {prefix}_ledger (expires)
    where expires is not null

-- name: ledger_open (postgresql, sqlite)
-- Few are open at once; people list those among millions that are not.
create index if not exists {prefix}_ledger_open
    on {prefix}_ledger (id)
    where state in ('reserved', 'submitting', 'unknown')

-- The minutes of which events of mail have arrived, and when in each the
-- latest of that mail was sent, in seconds since 1970.

-- name: ledger_proofs
create table if not exists {prefix}_ledger_proofs (
    namespace {key} not null,
    minute bigint not null,
    latest {double} not null,
    primary key (namespace, minute)
) {options}

-- Suppressions -------------------------------------------------------------
-- Who must not be mailed. A list is what one namespace sees; its policy is
-- how all who share it fold addresses, so that they find what others added.
-- A key is a folded address, or the HMAC of one; beside that the address is
-- empty, else it is as it was written. An entry keeps its id for as long
-- as it is there, which is what pages go by. Times are microseconds since
-- 1970, UTC: whole numbers hold every date exactly. No end is null.

-- name: suppression_lists
create table if not exists {prefix}_suppression_lists (
    number {id},
    namespace {key} not null,
    policy {key} not null,
    unique (namespace)
) {options}

-- name: suppressions
create table if not exists {prefix}_suppressions (
    id {id},
    list_number bigint not null,
    folded {key} not null,
    stream {key} not null,
    address {text} not null,
    reason {text} not null,
    source {text} not null,
    note {text} not null,
    since_us bigint not null,
    expires_at_us bigint,
    unique (list_number, folded, stream)
) {options}

-- name: suppressions (mysql)
-- Short texts stand in the row itself, where one page holds many of them.
create table if not exists {prefix}_suppressions (
    id {id},
    list_number bigint not null,
    folded {key} not null,
    stream {key} not null,
    address varchar(2000) not null,
    reason varchar(64) not null,
    source varchar(64) not null,
    note varchar(1000) not null,
    since_us bigint not null,
    expires_at_us bigint,
    unique (list_number, folded, stream),
    index by_id (list_number, id),
    index by_end (list_number, expires_at_us)
) {options}

-- name: suppressions_by_id (postgresql, sqlite)
create index if not exists {prefix}_suppressions_by_id
    on {prefix}_suppressions (list_number, id)

-- name: suppressions_by_end (postgresql, sqlite)
create index if not exists {prefix}_suppressions_by_end
    on {prefix}_suppressions (list_number, expires_at_us)
    where expires_at_us is not null

-- Seen ---------------------------------------------------------------------
-- Which events were handled, and by what; the second table says who handles
-- one just now. Times are seconds on the scale of the engine.

-- name: seen
create table if not exists {prefix}_seen (
    namespace {key} not null,
    event {key} not null,
    done_by {key} not null,
    ends {double} not null,
    primary key (namespace, event, done_by)
) {options}

-- name: seen (mysql)
create table if not exists {prefix}_seen (
    namespace {key} not null,
    event {key} not null,
    done_by {key} not null,
    ends {double} not null,
    primary key (namespace, event, done_by),
    index by_end (ends)
) {options}

-- name: seen_by_end (postgresql, sqlite)
create index if not exists {prefix}_seen_by_end on {prefix}_seen (ends)

-- name: seen_holds
create table if not exists {prefix}_seen_holds (
    namespace {key} not null,
    event {key} not null,
    owner {key} not null,
    began {double} not null,
    ends {double} not null,
    primary key (namespace, event)
) {options}

-- Counters -----------------------------------------------------------------
-- How many of what happened in a bucket of five minutes, which began at a
-- number of seconds since 1970, UTC.

-- name: counters
create table if not exists {prefix}_counters (
    scope {key} not null,
    name {key} not null,
    began bigint not null,
    number bigint not null,
    primary key (scope, name, began)
) {options}

-- name: counters (mysql)
create table if not exists {prefix}_counters (
    scope {key} not null,
    name {key} not null,
    began bigint not null,
    number bigint not null,
    primary key (scope, name, began),
    index by_begin (began)
) {options}

-- name: counters_by_begin (postgresql, sqlite)
create index if not exists {prefix}_counters_by_begin
    on {prefix}_counters (began)

-- Soft bounces -------------------------------------------------------------
-- Who bounced lately, and not for good: event by event, with when it
-- happened, in seconds since 1970, UTC.

-- name: soft_bounces
create table if not exists {prefix}_soft_bounces (
    namespace {key} not null,
    address {key} not null,
    event {key} not null,
    happened_at {double} not null,
    primary key (namespace, address, event)
) {options}

-- name: soft_bounces (mysql)
create table if not exists {prefix}_soft_bounces (
    namespace {key} not null,
    address {key} not null,
    event {key} not null,
    happened_at {double} not null,
    primary key (namespace, address, event),
    index by_time (happened_at)
) {options}

-- name: soft_bounces_by_time (postgresql, sqlite)
create index if not exists {prefix}_soft_bounces_by_time
    on {prefix}_soft_bounces (happened_at)
