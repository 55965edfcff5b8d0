-- name: functions()
-- One function, operator's function or aggregate. The signature is its name and the
-- types of its arguments, after its schema if it is not one of PostgreSQL's own.
with functions as (
    select
        pg_proc.*,
        -- A superuser can create functions in pg_catalog, with oids from 16384.
        pg_proc.pronamespace = 'pg_catalog'::regnamespace
        and pg_proc.oid < 16384 as is_builtin
    from pg_catalog.pg_proc
)

select
    functions.oid::integer as oid,
    functions.proname as name,
    case
        when functions.is_builtin then ''
        else functions.pronamespace::regnamespace::text || '.'
    end
    || functions.proname
    || substring(functions.oid::regprocedure::text from '[(].*$') as signature,
    functions.is_builtin,
    functions.proisstrict as is_strict,
    functions.provolatile = 'v' as is_volatile
from functions;

-- name: operators()
-- One operator and its function.
select
    pg_operator.oid::integer as oid,
    pg_operator.oprcode::oid::integer as function_oid
from pg_catalog.pg_operator;

-- name: comparison_functions()
-- One built-in function of an operator that a btree or hash index uses. It always
-- returns true or false for two values that are not null.
select distinct pg_operator.oprcode::oid::integer as oid
from pg_catalog.pg_amop
inner join pg_catalog.pg_am
    on pg_amop.amopmethod = pg_am.oid
inner join pg_catalog.pg_operator
    on pg_amop.amopopr = pg_operator.oid
where
    pg_am.amname in ('btree', 'hash')
    and pg_operator.oprnamespace = 'pg_catalog'::regnamespace
    and pg_operator.oid < 16384;

-- name: tolerant_collations()
-- One collation for which texts can be equal whose octets differ.
select pg_collation.oid::integer as oid
from pg_catalog.pg_collation
where not pg_collation.collisdeterministic;

-- name: aliases()
-- One function without arguments that only calls a built-in function. The planner
-- replaces it with the built-in one. A function outside of pg_catalog is compared
-- by its qualified name.
select
    aliases.oid::integer as oid,
    functions.oid::integer as function_oid
from pg_catalog.pg_proc as aliases
inner join pg_catalog.pg_proc as functions
    on
        pg_get_function_sqlbody(aliases.oid)
        = 'RETURN ' || functions.oid::regproc || '()'
where
    aliases.prosqlbody is not null
    and aliases.pronargs = 0
    and functions.pronargs = 0
    and functions.pronamespace = 'pg_catalog'::regnamespace;

-- name: array_types()
-- One type whose values are arrays.
select pg_type.oid::integer as oid
from pg_catalog.pg_type
where
    pg_type.typelem <> 0
    and pg_type.typlen = -1
    and pg_type.typcategory = 'A';

-- name: row_types()
-- One type whose values are rows: record, a composite type, or a domain over one.
with recursive types as (
    select pg_type.oid
    from pg_catalog.pg_type
    where pg_type.typtype = 'c' or pg_type.oid = 'record'::regtype
    union all
    select pg_type.oid
    from types
    inner join pg_catalog.pg_type
        on types.oid = pg_type.typbasetype
    where pg_type.typtype = 'd'
)

select types.oid::integer as oid
from types;

-- name: columns(relation, with_children)
-- One column of the relation. is_never_null is true when the relation has a NOT NULL
-- constraint that is validated and that PostgreSQL enforces, which it does not for
-- foreign tables; with_children, all its children must have one too.
with recursive family as (
    select :relation::oid as oid
    union
    select pg_inherits.inhrelid as oid
    from family
    inner join pg_catalog.pg_inherits
        on family.oid = pg_inherits.inhparent
    where :with_children
)

select
    roots.attnum as number,
    roots.attname as name,
    pg_class.relname as table_name,
    pg_namespace.nspname as schema_name,
    roots.atttypid::integer as type_oid,
    col_description(roots.attrelid, roots.attnum) as comment,
    coalesce(pg_collation.collisdeterministic, true) as compares_octets,
    roots.attgenerated <> '' as is_generated,
    -- Whether storing a null fails. A column of a domain that is NOT NULL can still be
    -- read as null.
    roots.attnotnull
    or exists (
        with recursive domains as (
            select
                pg_type.oid,
                pg_type.typbasetype,
                pg_type.typnotnull
            from pg_catalog.pg_type
            where pg_type.oid = roots.atttypid
            union all
            select
                pg_type.oid,
                pg_type.typbasetype,
                pg_type.typnotnull
            from domains
            inner join pg_catalog.pg_type
                on domains.typbasetype = pg_type.oid
        )

        select 1
        from domains
        where domains.typnotnull
    ) as refuses_null,
    (
        select
            bool_and(
                members.attnotnull
                and classes.relkind in ('r', 'p')
                and not exists (
                    select 1
                    from pg_catalog.pg_constraint
                    where
                        pg_constraint.conrelid = members.attrelid
                        and pg_constraint.contype = 'n'
                        and pg_constraint.conkey = array[members.attnum]
                        and not pg_constraint.convalidated
                )
            )
        from family
        inner join pg_catalog.pg_attribute as members
            on family.oid = members.attrelid and roots.attname = members.attname
        inner join pg_catalog.pg_class as classes
            on family.oid = classes.oid
    ) as is_never_null
from pg_catalog.pg_attribute as roots
inner join pg_catalog.pg_class
    on roots.attrelid = pg_class.oid
inner join pg_catalog.pg_namespace
    on pg_class.relnamespace = pg_namespace.oid
left join pg_catalog.pg_collation
    on roots.attcollation = pg_collation.oid
where
    roots.attrelid = :relation::oid
    and roots.attnum > 0
    and not roots.attisdropped
order by roots.attnum;

-- name: table_checks(relation, with_children)
-- One check that all rows of the table satisfy; with_children, also the rows of its
-- children. A foreign table is never checked, so a table with one among its children
-- has no such check.
with recursive family as (
    select :relation::oid as oid
    union
    select pg_inherits.inhrelid as oid
    from family
    inner join pg_catalog.pg_inherits
        on family.oid = pg_inherits.inhparent
    where :with_children
)

select pg_constraint.conbin::text as tree
from pg_catalog.pg_constraint
where
    pg_constraint.conrelid = :relation::oid
    and pg_constraint.contype = 'c'
    and pg_constraint.convalidated
    and not exists (
        select 1
        from family
        inner join pg_catalog.pg_class
            on family.oid = pg_class.oid
        where pg_class.relkind not in ('r', 'p')
    )
    -- PostgreSQL 18 allows checks that are not enforced.
    and to_jsonb(pg_constraint) ->> 'conenforced' is distinct from 'false'
    and not (:with_children and pg_constraint.connoinherit)
order by pg_constraint.conname;

-- name: domain_checks(type)
-- One check of the domain, or of a domain below it.
with recursive domains as (
    select
        pg_type.oid,
        pg_type.typbasetype
    from pg_catalog.pg_type
    where pg_type.oid = :type::oid and pg_type.typtype = 'd'
    union all
    select
        pg_type.oid,
        pg_type.typbasetype
    from domains
    inner join pg_catalog.pg_type
        on domains.typbasetype = pg_type.oid and pg_type.typtype = 'd'
)

select pg_constraint.conbin::text as tree
from domains
inner join pg_catalog.pg_constraint
    on domains.oid = pg_constraint.contypid
where
    pg_constraint.contype = 'c'
    and pg_constraint.convalidated
order by pg_constraint.conname;

-- name: base_type(type)$
-- The oid of the base type of a domain, or of the type itself if it is not a domain.
with recursive types as (
    select
        pg_type.oid,
        pg_type.typtype,
        pg_type.typbasetype
    from pg_catalog.pg_type
    where pg_type.oid = :type::oid
    union all
    select
        pg_type.oid,
        pg_type.typtype,
        pg_type.typbasetype
    from types
    inner join pg_catalog.pg_type
        on types.typbasetype = pg_type.oid
)

select types.oid::integer as oid
from types
where types.typtype <> 'd';

-- name: writing(relation)
-- Whether a statement that writes to the table writes the rows as given: is_plain is
-- false for a view and for a table with rules, has_triggers is true for a BEFORE or
-- INSTEAD OF trigger of the table or of one of its partitions.
with recursive family as (
    select :relation::oid as oid
    union
    select pg_inherits.inhrelid as oid
    from family
    inner join pg_catalog.pg_inherits
        on family.oid = pg_inherits.inhparent
)

select
    pg_class.relkind in ('r', 'p') and not pg_class.relhasrules as is_plain,
    (
        select count(*) > 0
        from family
        inner join pg_catalog.pg_trigger
            on family.oid = pg_trigger.tgrelid
        where
            not pg_trigger.tgisinternal
            -- BEFORE is bit 1, INSTEAD OF bit 6.
            and (pg_trigger.tgtype & 66) <> 0
    ) as has_triggers
from pg_catalog.pg_class
where pg_class.oid = :relation::oid;
