-- A table of tenants, or a partition of one, without forced row-level security and the
-- one policy that authority.isolate_tenants creates: for everybody, for every command,
-- for reading and for writing.
with tables as (
    select
        classes.oid,
        classes.relname as name,
        classes.relrowsecurity and classes.relforcerowsecurity as is_held,
        case classes.relname when 'tenants' then 'id' else 'tenant_id' end
            as tenant_column
    from pg_catalog.pg_class as classes
    inner join pg_catalog.pg_attribute as columns
        on
            classes.oid = columns.attrelid
            and not columns.attisdropped
            and columns.attname
            = case classes.relname when 'tenants' then 'id' else 'tenant_id' end
    where
        classes.relnamespace = 'authority'::regnamespace
        and classes.relkind in ('r', 'p', 'm', 'f')
),

expected as (
    select
        tables.oid,
        tables.name,
        tables.is_held,
        format('%s_%s_policy', tables.name, tables.tenant_column) as policy,
        format(
            '(%s = ( CASE WHEN ((%s ~~ %L::text) AND (%s !~ %L::text)) '
            'THEN %s ELSE NULL::text END)::uuid)',
            tables.tenant_column,
            setting.value,
            '________-____-____-____-____________',
            setting.value,
            '[^0-9a-f-]|-.*-.*-.*-.*-',
            setting.value
        ) as condition
    from tables
    cross join (
        values ('current_setting(''authority.tenant_id''::text, true)')
    ) as setting (value)
)

select expected.oid::regclass::text as offender
from expected
left join pg_catalog.pg_policy as policies
    on
        expected.oid = policies.polrelid
        and expected.policy = policies.polname
where
    not expected.is_held
    or policies.polname is null
    or not policies.polpermissive
    or policies.polcmd <> '*'
    or policies.polroles <> '{0}'
    or expected.condition is distinct from
    regexp_replace(pg_get_expr(policies.polqual, policies.polrelid), '\s+', ' ', 'g')
    or expected.condition is distinct from regexp_replace(
        pg_get_expr(policies.polwithcheck, policies.polrelid), '\s+', ' ', 'g'
    );
