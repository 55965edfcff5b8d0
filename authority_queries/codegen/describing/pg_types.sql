-- name: get_type(oid)^
-- The type, its extension, what it is made of (an array's elements, a domain's base, a
-- range's bounds, a multirange's ranges), an enum's labels, a composite's fields.
select
    types.oid::bigint as oid,
    namespaces.nspname as schema,
    types.typname as name,
    types.typarray::bigint as array_type,
    (
        select pg_extension.extname
        from pg_catalog.pg_depend
        inner join pg_catalog.pg_extension
            on
                pg_depend.refclassid = 'pg_extension'::regclass
                and pg_depend.refobjid = pg_extension.oid
        where
            pg_depend.classid = 'pg_type'::regclass
            and pg_depend.objid = types.oid
            and pg_depend.deptype = 'e'
    ) as extension,
    case
        when elements.typarray = types.oid then 'array'
        when types.typtype = 'e' then 'enum'
        when types.typtype = 'd' then 'domain'
        when types.typtype = 'c' then 'composite'
        when types.typtype = 'r' then 'range'
        when types.typtype = 'm' then 'multirange'
        else 'base'
    end as kind,
    case types.typtype
        when 'd' then types.typbasetype
        when 'r' then ranges.rngsubtype
        when 'm' then ranges.rngtypid
        else types.typelem
    end::bigint as element,
    array(
        select pg_enum.enumlabel::text
        from pg_catalog.pg_enum
        where pg_enum.enumtypid = types.oid
        order by pg_enum.enumsortorder
    ) as labels,
    array(
        select pg_attribute.attname::text
        from pg_catalog.pg_attribute
        where
            pg_attribute.attrelid = types.typrelid
            and pg_attribute.attnum > 0
            and not pg_attribute.attisdropped
        order by pg_attribute.attnum
    ) as field_names,
    array(
        select coalesce(col_description(types.typrelid, pg_attribute.attnum), '')
        from pg_catalog.pg_attribute
        where
            pg_attribute.attrelid = types.typrelid
            and pg_attribute.attnum > 0
            and not pg_attribute.attisdropped
        order by pg_attribute.attnum
    ) as field_comments,
    array(
        select pg_attribute.atttypid::bigint
        from pg_catalog.pg_attribute
        where
            pg_attribute.attrelid = types.typrelid
            and pg_attribute.attnum > 0
            and not pg_attribute.attisdropped
        order by pg_attribute.attnum
    ) as field_types
from pg_catalog.pg_type as types
inner join pg_catalog.pg_namespace as namespaces
    on types.typnamespace = namespaces.oid
left join pg_catalog.pg_type as elements
    on types.typelem = elements.oid
left join pg_catalog.pg_range as ranges
    on types.oid in (ranges.rngtypid, ranges.rngmultitypid)
where types.oid = :oid::bigint::oid;

-- name: find_table(table_name)^
-- The oid of the table that a statement of the session means by this name, or null.
select pg_catalog.to_regclass(:table_name)::pg_catalog.oid::bigint as oid;

-- name: list_columns(relation)
-- One column of the table that can be written.
select
    pg_attribute.attnum as number,
    pg_attribute.attname as name,
    pg_attribute.atttypid::bigint as type_oid
from pg_catalog.pg_attribute
where
    pg_attribute.attrelid = :relation::bigint::oid
    and pg_attribute.attnum > 0
    and not pg_attribute.attisdropped
    and pg_attribute.attgenerated = ''
order by pg_attribute.attnum;
