-- All foreign keys of one column.
select
    owner_schema.nspname as owner_schema,
    owner.relname as owner,
    pg_attribute.attname as owner_column,
    target_schema.nspname as target_schema,
    target.relname as target
from pg_constraint
inner join pg_class as owner on pg_constraint.conrelid = owner.oid
inner join pg_namespace as owner_schema on owner.relnamespace = owner_schema.oid
inner join pg_class as target on pg_constraint.confrelid = target.oid
inner join pg_namespace as target_schema on target.relnamespace = target_schema.oid
inner join pg_attribute
    on
        pg_constraint.conrelid = pg_attribute.attrelid
        and pg_constraint.conkey[1] = pg_attribute.attnum
where pg_constraint.contype = 'f' and cardinality(pg_constraint.conkey) = 1;
