-- A table whose rows belong to no tenant, and that is not listed as shared by all
-- tenants; or a shared table that another role than its owner may change.
with shared (name) as (
    values ('permissions'), ('system_roles'), ('system_scopes')
),

tables as (
    select
        classes.oid,
        shared.name is not null as is_shared,
        exists (
            select from pg_catalog.pg_attribute as columns
            where
                columns.attrelid = classes.oid
                and not columns.attisdropped
                and (
                    columns.attname = 'tenant_id'
                    and columns.atttypid = 'uuid'::regtype
                    and columns.attnotnull
                    or columns.attname = 'id' and classes.relname = 'tenants'
                )
        ) as is_of_tenants
    from pg_catalog.pg_class as classes
    left join shared on classes.relname = shared.name
    where
        classes.relnamespace = 'authority'::regnamespace
        and classes.relkind in ('r', 'p', 'm', 'f')
)

select tables.oid::regclass::text as offender
from tables
where
    tables.is_shared = tables.is_of_tenants
    or tables.is_shared
    and exists (
        select from (
            values ('authority_app'), ('authority_maintenance'), ('authority_reader')
        ) as roles (name)
        where
            has_any_column_privilege(roles.name, tables.oid, 'INSERT, UPDATE')
            or has_table_privilege(roles.name, tables.oid, 'DELETE, TRUNCATE')
    );
