-- What is wrong in a database whatever its release is: an object and a line of it. A
-- healthy database has no row.
with the_roles as (
    select
        pg_roles.oid,
        pg_roles.rolname::text as name
    from pg_catalog.pg_roles
    where
        pg_roles.rolname in (
            'authority_app', 'authority_maintenance', 'authority_reader'
        )
),

faults as (
    select
        'roles' as object,
        format('%s: is missing', named.name) as line
    from
        unnest(
            array['authority_app', 'authority_maintenance', 'authority_reader']
        ) as named (name)
    where to_regrole(named.name) is null
    union all
    select
        'roles' as object,
        format('%s: a member of %s', the_roles.name, pg_get_userbyid(held.roleid))
            as line
    from pg_catalog.pg_auth_members as held
    inner join the_roles on held.member = the_roles.oid
    where held.roleid not in (select others.oid from the_roles as others)
    union all
    -- A login that row-level security does not restrict must not serve tenants.
    select
        'roles' as object,
        format(
            '%s: a member of %s and %s',
            logins.rolname,
            the_roles.name,
            case
                when logins.rolsuper then 'a superuser'
                else 'bypasses row security'
            end
        ) as line
    from the_roles
    inner join pg_catalog.pg_auth_members as memberships
        on the_roles.oid = memberships.roleid
    inner join pg_catalog.pg_roles as logins on memberships.member = logins.oid
    where
        the_roles.name = 'authority_app'
        and (logins.rolsuper or logins.rolbypassrls)
        and logins.rolcanlogin
        -- PostgreSQL 16 and later make the creator of a role its member.
        and not logins.rolcreaterole
    union all
    select
        format('database %I', databases.datname) as object,
        'PUBLIC: connect' as line
    from pg_catalog.pg_database as databases
    cross join
        lateral aclexplode(
            coalesce(databases.datacl, acldefault('d', databases.datdba))
        ) as granted
    where
        databases.datname = current_database()
        and granted.privilege_type = 'CONNECT'
        and granted.grantee = 0
    union all
    select
        format('database %I', current_database()) as object,
        format('encoding %s instead of UTF8', current_setting('server_encoding'))
            as line
    where current_setting('server_encoding') <> 'UTF8'
    union all
    select
        format('database %I', databases.datname) as object,
        format(
            'collation version %s instead of %s',
            pg_database_collation_actual_version(databases.oid),
            databases.datcollversion
        ) as line
    from pg_catalog.pg_database as databases
    where
        databases.datname = current_database()
        and databases.datcollversion
        <> pg_database_collation_actual_version(databases.oid)
    union all
    select
        format('database %I', current_database()) as object,
        format(
            'setting for %s: %s',
            coalesce(pg_get_userbyid(nullif(settings.setrole, 0)), 'every login'),
            configured.setting
        ) as line
    from pg_catalog.pg_db_role_setting as settings
    left join pg_catalog.pg_database as databases
        on settings.setdatabase = databases.oid
    cross join lateral unnest(settings.setconfig) as configured (setting)
    where
        (settings.setdatabase = 0 or databases.datname = current_database())
        and split_part(configured.setting, '=', 1) in (
            'session_replication_role', 'row_security', 'authority.tenant_id'
        )
    union all
    select
        'schema authority' as object,
        format('event trigger %I calls %s', hooks.evtname, hooks.evtfoid::regprocedure)
            as line
    from pg_catalog.pg_event_trigger as hooks
    inner join pg_catalog.pg_proc as called on hooks.evtfoid = called.oid
    where called.pronamespace = to_regnamespace('authority')
)

select
    faults.object,
    faults.line
from faults
order by
    faults.object::name,
    faults.line::name;
