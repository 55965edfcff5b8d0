-- A constraint that may not hold for older rows, or an index that is not complete: left
-- behind by a migration that did not validate it.
select constraints.conname as offender
from pg_catalog.pg_constraint as constraints
where
    constraints.connamespace = 'authority'::regnamespace
    and not constraints.convalidated
union all
select indexes.indexrelid::regclass::text as offender
from pg_catalog.pg_index as indexes
inner join pg_catalog.pg_class as tables on indexes.indrelid = tables.oid
where
    tables.relnamespace = 'authority'::regnamespace
    and not (indexes.indisvalid and indexes.indisready and indexes.indislive);
