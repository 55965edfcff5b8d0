-- A privilege of PUBLIC, which every login of the server has. A new function has one by
-- default: `revoke execute … from public` removes it.
select
    concat(
        pg_describe_object(objects.class, objects.oid, objects.part),
        ': ',
        granted.privilege_type
    ) as offender
from (
    select
        'pg_namespace'::regclass as class,
        schemas.oid,
        0 as part,
        schemas.nspacl as acl
    from pg_catalog.pg_namespace as schemas
    where schemas.nspname = 'authority'
    union all
    select
        'pg_class'::regclass as class,
        classes.oid,
        0 as part,
        classes.relacl as acl
    from pg_catalog.pg_class as classes
    where classes.relnamespace = 'authority'::regnamespace
    union all
    select
        'pg_class'::regclass as class,
        classes.oid,
        columns.attnum as part,
        columns.attacl as acl
    from pg_catalog.pg_class as classes
    inner join pg_catalog.pg_attribute as columns on classes.oid = columns.attrelid
    where classes.relnamespace = 'authority'::regnamespace
    union all
    select
        'pg_proc'::regclass as class,
        functions.oid,
        0 as part,
        coalesce(functions.proacl, acldefault('f', functions.proowner)) as acl
    from pg_catalog.pg_proc as functions
    where functions.pronamespace = 'authority'::regnamespace
) as objects
cross join lateral aclexplode(objects.acl) as granted
where granted.grantee = 0;
