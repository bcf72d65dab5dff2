-- What concerns the database as a whole.

-- name: read_time
select {now}

-- name: read_formats
select part, format
from {prefix}_format

-- name: write_format
insert into {prefix}_format (part, format)
values (:part, :format)
on conflict (part) do nothing

-- name: write_format (mysql)
insert ignore into {prefix}_format (part, format)
values (:part, :format)
