-- All foreign keys of one column.
select
    owner_schema.nspname as owner_schema,
    owner.relname as owner,
    pg_attribute.attname as owner_column,
    target_schema.nspname as target_schema,
    target.relname as target,
    target_attribute.attname as target_column
from pg_constraint
inner join pg_class as owner on pg_constraint.conrelid = owner.oid
inner join pg_namespace as owner_schema on owner.relnamespace = owner_schema.oid
inner join pg_class as target on pg_constraint.confrelid = target.oid
inner join pg_namespace as target_schema on target.relnamespace = target_schema.oid
inner join pg_attribute
    on
        pg_constraint.conrelid = pg_attribute.attrelid
        and pg_constraint.conkey[1] = pg_attribute.attnum
inner join pg_attribute as target_attribute
    on
        pg_constraint.confrelid = target_attribute.attrelid
        and pg_constraint.confkey[1] = target_attribute.attnum
where
    pg_constraint.contype = 'f'
    and cardinality(pg_constraint.conkey) = 1
    and owner_schema.nspname !~ '^(pg_|information_schema$)';
