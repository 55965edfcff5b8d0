-- One row for each object of an untrusted role that a search_path could find before
-- PostgreSQL's own object of that name. The package's statements do not look there.
-- Plain yoyo does, unless its URL names the schema of its books. Runs under
-- search_path = pg_catalog.
with trusted as (
    select pg_roles.oid
    from pg_roles
    where
        pg_roles.rolsuper
        or pg_roles.rolname in (current_user, session_user)
        or pg_has_role(pg_roles.oid, 'pg_database_owner', 'member')
)

select
    format(
        'the schema %I of %I',
        pg_namespace.nspname,
        pg_get_userbyid(pg_namespace.nspowner)
    ) as thing
from pg_namespace
where
    pg_namespace.nspname in (current_user, session_user)
    and pg_namespace.nspowner not in (select trusted.oid from trusted)
union all
select format('%s of %I', pg_class.oid::regclass, pg_get_userbyid(pg_class.relowner))
from pg_class
where
    pg_class.relname in ('yoyo_lock', '_yoyo_log', '_yoyo_version', '_yoyo_migration')
    and pg_class.relowner not in (select trusted.oid from trusted)
union all
select format('%s of %I', planted.oid::regprocedure, pg_get_userbyid(planted.proowner))
from pg_proc as planted
where
    planted.pronamespace <> 'pg_catalog'::regnamespace
    and planted.proowner not in (select trusted.oid from trusted)
    and exists (
        select from pg_proc as real
        where
            real.pronamespace = 'pg_catalog'::regnamespace
            and planted.proname = real.proname
    )
union all
select format('%s of %I', planted.oid::regoperator, pg_get_userbyid(planted.oprowner))
from pg_operator as planted
where
    planted.oprnamespace <> 'pg_catalog'::regnamespace
    and planted.oprowner not in (select trusted.oid from trusted)
    and exists (
        select from pg_operator as real
        where
            real.oprnamespace = 'pg_catalog'::regnamespace
            and planted.oprname = real.oprname
    )
order by thing;
