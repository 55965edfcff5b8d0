-- One row: the schema of yoyo's books, whether the books exist, and whether this login
-- can read them.
--
-- Runs under the login's own search_path, where others may have created objects, so
-- that every name is qualified. `authority migrate` keeps the books in authority_yoyo.
-- Plain yoyo keeps them in the first schema of the path, unless its URL names another
-- one.
with logs as (
    select
        pg_namespace.nspname,
        pg_catalog.has_schema_privilege(pg_namespace.oid, 'usage')
        and pg_catalog.has_table_privilege(pg_class.oid, 'select') as may_be_read
    from pg_catalog.pg_class
    inner join pg_catalog.pg_namespace
        on pg_class.relnamespace operator (pg_catalog.=) pg_namespace.oid
    where
        pg_class.relname operator (pg_catalog.=) '_yoyo_migration'
        and (
            pg_namespace.nspname operator (pg_catalog.=) 'authority_yoyo'
            or pg_class.oid operator (pg_catalog.=)
            pg_catalog.to_regclass('_yoyo_migration')::pg_catalog.oid
        )
    order by pg_namespace.nspname operator (pg_catalog.=) 'authority_yoyo' desc
    limit 1
)

select
    coalesce(
        (select pg_catalog.quote_ident(logs.nspname::pg_catalog.text) from logs),
        'authority_yoyo'
    ) as schema,
    (select true from logs) is true as are_there,
    (select logs.may_be_read from logs) is true as may_be_read;
