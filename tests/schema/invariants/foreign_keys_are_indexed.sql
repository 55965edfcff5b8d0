-- A foreign key whose columns are not the first ones of any index: deleting a referenced
-- row would read the whole table.
select foreign_keys.conname as offender
from pg_catalog.pg_constraint as foreign_keys
where
    foreign_keys.contype = 'f'
    and foreign_keys.connamespace = 'authority'::regnamespace
    and foreign_keys.conparentid = 0
    and not exists (
        select from pg_catalog.pg_index as indexes
        where
            indexes.indrelid = foreign_keys.conrelid
            and (indexes.indkey::smallint[])[0:cardinality(foreign_keys.conkey) - 1]
            @> foreign_keys.conkey
    );
