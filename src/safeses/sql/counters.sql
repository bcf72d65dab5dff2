-- How many of what happened, in buckets. Names come as one text of JSON, so
-- that a statement is the same for any number of them. Who counts several
-- names does it in their order, and meets nobody who does the reverse.

-- name: add (postgresql)
insert into {prefix}_counters (scope, name, began, number)
select :scope, given.name, :began, given.number
from json_to_recordset(cast(:counts as json))
    as given (name text, number bigint)
order by given.name
on conflict (scope, name, began) do update set
    number = {prefix}_counters.number + excluded.number

-- name: add (sqlite)
insert into {prefix}_counters (scope, name, began, number)
select
    :scope, json_extract(value, '$.name'), :began,
    json_extract(value, '$.number')
from json_each(:counts)
where true
on conflict (scope, name, began) do update set
    number = {prefix}_counters.number + excluded.number

-- name: add (mysql)
insert into {prefix}_counters (scope, name, began, number)
select :scope, given.name, :began, given.number
from json_table(:counts, '$[*]' columns (
    name varchar(255) character set ascii collate ascii_bin path '$.name',
    number bigint path '$.number'
)) as given
order by given.name
on duplicate key update
    {prefix}_counters.number = {prefix}_counters.number + values(number)

-- name: totals (postgresql)
select name, sum(number)
from {prefix}_counters
where scope = :scope
    and name = any (
        array(select json_array_elements_text(cast(:names as json)))
    )
    and began >= :first and began < :until
group by name

-- name: totals (sqlite)
select name, sum(number)
from {prefix}_counters
where scope = :scope
    and name in (select value from json_each(:names))
    and began >= :first and began < :until
group by name

-- name: totals (mysql)
select counted.name, sum(counted.number)
from json_table(:names, '$[*]' columns (
    name varchar(255) character set ascii collate ascii_bin path '$'
)) as asked
join {prefix}_counters as counted
    on counted.scope = :scope and counted.name = asked.name
    and counted.began >= :first and counted.began < :until
group by counted.name

-- name: forget
delete from {prefix}_counters
where (scope, name, began) in (
    select scope, name, began
    from {prefix}_counters
    where began < :first
    limit :most
)

-- name: forget (mysql)
delete from {prefix}_counters where began < :first limit :most
