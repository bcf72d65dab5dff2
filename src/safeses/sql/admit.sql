-- To admit a mail in one statement, if nobody of its recipients is
-- suppressed: the look stands among the conditions of `book`.

-- name: nobody
and not exists (
    select 1
    from {prefix}_suppression_lists as lists
    where lists.namespace = :namespace
        and (
            lists.policy <> :policy
            or exists (
                select 1
                from {prefix}_suppressions as entries
                where entries.list_number = lists.number
                    and entries.folded in {keys}
                    and entries.stream in ('', :stream)
                    and (
                        entries.expires_at_us is null
                        or entries.expires_at_us > round({wall} * 1000000)
                    )
            )
        )
)

-- name: keys (postgresql)
(select json_array_elements_text(cast(:keys as json)))

-- name: keys (sqlite)
(select value from json_each(:keys))

-- name: keys (mysql)
(
    select asked.folded
    from json_table(:keys, '$[*]' columns (
        folded varchar(255) character set ascii collate ascii_bin path '$'
    )) as asked
)
