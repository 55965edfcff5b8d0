-- One row: whether yoyo's books exist, and whether this login can read them.
--
-- Run under search_path = pg_catalog.
with books as (
    select to_regclass('authority_yoyo._yoyo_migration')::oid as id
)

select
    books.id is not null as are_there,
    coalesce(
        has_schema_privilege(to_regnamespace('authority_yoyo'), 'usage')
        and has_table_privilege(books.id, 'select'),
        false
    ) as may_be_read
from books;
