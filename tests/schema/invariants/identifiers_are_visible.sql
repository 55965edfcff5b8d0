-- A text that is part of a key and may contain invisible characters: no check of it
-- calls authority.is_visible, matches it whole against a pattern, or lists its values,
-- and no foreign key leads to a text with such a check.
select format('%s.%s', tables.oid::regclass, columns.attname) as offender
from pg_catalog.pg_class as tables
inner join pg_catalog.pg_attribute as columns on tables.oid = columns.attrelid
where
    tables.relnamespace = 'authority'::regnamespace
    and tables.relkind in ('r', 'p')
    and not tables.relispartition
    and columns.atttypid = 'text'::regtype
    and exists (
        select from pg_catalog.pg_index as indexes
        where
            indexes.indrelid = tables.oid
            and indexes.indisunique
            and columns.attnum = any(indexes.indkey)
    )
    and not exists (
        select from pg_catalog.pg_constraint as constraints
        where
            constraints.conrelid = tables.oid
            and columns.attnum = any(constraints.conkey)
            and (
                constraints.contype = 'f'
                or constraints.contype = 'c'
                and pg_get_constraintdef(constraints.oid)
                ~ 'is_visible\(|is_username_key\(|~ ''\^.*\$''|= ANY \(ARRAY\['
            )
    );
