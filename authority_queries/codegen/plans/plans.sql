-- name: pin_planner()!
-- Sets each setting that a plan depends on to PostgreSQL's built-in value, whatever the
-- server's configuration is, and disables parallel workers and JIT.
select
    set_config(
        pg_settings.name,
        case
            when pg_settings.name = 'max_parallel_workers_per_gather' then '0'
            when pg_settings.name = 'jit' then 'off'
            when pg_settings.name = 'TimeZone' then 'UTC'
            else pg_settings.boot_val
        end,
        false
    ) as setting
from pg_catalog.pg_settings
where
    pg_settings.context = 'user'
    and (
        starts_with(pg_settings.category, 'Query Tuning')
        or pg_settings.name in (
            'work_mem',
            'hash_mem_multiplier',
            'max_parallel_workers_per_gather',
            'TimeZone',
            'IntervalStyle',
            'DateStyle'
        )
    );

-- name: get_role(role)^
-- The role with this name, or no row.
select pg_roles.rolname as role_name
from pg_catalog.pg_roles
where pg_roles.rolname = :role;

-- name: list_schemas()
-- One schema that is not a system schema.
select pg_namespace.nspname as schema_name
from pg_catalog.pg_namespace
where
    pg_namespace.nspname <> 'information_schema'
    and not starts_with(pg_namespace.nspname, 'pg_')
order by pg_namespace.nspname;

-- name: list_tenant_columns(tenant_column)
-- One table whose rows belong to a tenant, with the column that names the tenant: every
-- table with a column of this name, and the table of tenants that the column refers to.
select
    pg_namespace.nspname as schema_name,
    pg_class.relname as table_name,
    pg_attribute.attname as column_name
from pg_catalog.pg_attribute
inner join pg_catalog.pg_class on pg_attribute.attrelid = pg_class.oid
inner join pg_catalog.pg_namespace on pg_class.relnamespace = pg_namespace.oid
where
    pg_class.relkind in ('r', 'p')
    and pg_namespace.nspname not in ('pg_catalog', 'information_schema')
    and not pg_attribute.attisdropped
    and (
        pg_attribute.attname = :tenant_column
        or exists (
            select from pg_catalog.pg_constraint
            inner join pg_catalog.pg_attribute as referring
                on
                    pg_constraint.conrelid = referring.attrelid
                    and pg_constraint.conkey = array[referring.attnum]
            where
                pg_constraint.contype = 'f'
                and pg_constraint.confrelid = pg_attribute.attrelid
                and pg_constraint.confkey = array[pg_attribute.attnum]
                and referring.attname = :tenant_column
        )
    )
order by pg_namespace.nspname, pg_class.relname, pg_attribute.attname;

-- name: list_partitions()
-- One partition, or index of a partition, with the name of the table or index at the
-- top of its partition tree.
select
    pg_namespace.nspname as schema_name,
    pg_class.relname as name,
    roots.relname as root_name
from pg_catalog.pg_class
inner join pg_catalog.pg_namespace on pg_class.relnamespace = pg_namespace.oid
inner join pg_catalog.pg_class as roots
    on pg_partition_root(pg_class.oid) = roots.oid
where pg_class.relispartition
order by pg_namespace.nspname, pg_class.relname;

-- name: list_policy_conditions()
-- One condition of a policy of row-level security, with its table. `alteration` is the
-- statement that replaces the condition, up to the condition.
select
    pg_namespace.nspname as schema_name,
    pg_class.relname as table_name,
    pg_get_expr(conditions.tree, pg_policy.polrelid) as condition,
    concat(
        'alter policy ', quote_ident(pg_policy.polname),
        ' on ', quote_ident(pg_namespace.nspname),
        '.', quote_ident(pg_class.relname),
        ' ', conditions.place
    ) as alteration
from pg_catalog.pg_policy
inner join pg_catalog.pg_class on pg_policy.polrelid = pg_class.oid
inner join pg_catalog.pg_namespace on pg_class.relnamespace = pg_namespace.oid
cross join
    lateral (
        values (pg_policy.polqual, 'using'), (pg_policy.polwithcheck, 'with check')
    ) as conditions (tree, place)
where conditions.tree is not null
order by pg_namespace.nspname, pg_class.relname, pg_policy.polname;
