-- A foreign key whose columns are not the first ones of any index on all referring
-- rows: deleting a referenced row would read the whole table.
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
            and indexes.indisvalid
            and (indexes.indkey::smallint[])[0:cardinality(foreign_keys.conkey) - 1]
            @> foreign_keys.conkey
            and (
                indexes.indpred is null
                or pg_get_expr(indexes.indpred, indexes.indrelid) in (
                    select format('(%I IS NOT NULL)', columns.attname)
                    from pg_catalog.pg_attribute as columns
                    where
                        columns.attrelid = foreign_keys.conrelid
                        and columns.attnum = any(foreign_keys.conkey)
                )
            )
    );
