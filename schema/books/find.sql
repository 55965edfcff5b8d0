-- One row: whether yoyo's books exist, and whether this login can read them.
--
-- Runs under search_path = pg_catalog. Not by to_regclass, which raises an error for a
-- login that may not use the schema.
with books as (
    select
        has_schema_privilege(pg_class.relnamespace, 'usage')
        and has_table_privilege(pg_class.oid, 'select') as may_be_read
    from pg_class
    where
        pg_class.relname = '_yoyo_migration'
        and pg_class.relnamespace = to_regnamespace('authority_yoyo')
)

select
    count(*) > 0 as are_there,
    coalesce(bool_or(books.may_be_read), false) as may_be_read
from books;
