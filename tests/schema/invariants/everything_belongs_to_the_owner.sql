-- An object with another owner than pg_database_owner: no policy and no grant would
-- restrict that owner.
select pg_describe_object(objects.class, objects.oid, 0) as offender
from (
    select
        'pg_namespace'::regclass as class,
        schemas.oid,
        schemas.nspowner as owner
    from pg_catalog.pg_namespace as schemas
    where schemas.nspname = 'authority'
    union all
    select
        'pg_class'::regclass as class,
        classes.oid,
        classes.relowner as owner
    from pg_catalog.pg_class as classes
    where
        classes.relnamespace = 'authority'::regnamespace
        and classes.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
    union all
    select
        'pg_proc'::regclass as class,
        functions.oid,
        functions.proowner as owner
    from pg_catalog.pg_proc as functions
    where functions.pronamespace = 'authority'::regnamespace
) as objects
where objects.owner <> 'pg_database_owner'::regrole;
