-- An index that is the beginning of another index of the table, on the same rows: it
-- costs each write and serves no query.
select distinct shorter.indexrelid::regclass::text as offender
from pg_catalog.pg_index as shorter
inner join pg_catalog.pg_class as tables on shorter.indrelid = tables.oid
inner join pg_catalog.pg_index as longer
    on
        shorter.indrelid = longer.indrelid
        and shorter.indexrelid <> longer.indexrelid
where
    tables.relnamespace = 'authority'::regnamespace
    and not shorter.indisunique
    and (longer.indkey::smallint[])[0:shorter.indnkeyatts - 1]
    = (shorter.indkey::smallint[])[0:shorter.indnkeyatts - 1]
    and (longer.indclass::oid[])[0:shorter.indnkeyatts - 1]
    = (shorter.indclass::oid[])[0:shorter.indnkeyatts - 1]
    and shorter.indexprs is null
    and longer.indexprs is null
    and (
        longer.indpred is null
        or pg_get_expr(longer.indpred, longer.indrelid)
        = pg_get_expr(shorter.indpred, shorter.indrelid)
    );
