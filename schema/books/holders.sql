-- Sessions of this database that may hold yoyo's lock or run a migration under it:
--
-- - holder: the recorded session. A login that may not see when it began takes any
--   session of the same process and role for it.
-- - migration: a session inside a migration, whoever runs it.
-- - transaction: another session of the recorded role, in a transaction.
-- - migrator: another session of a role that may migrate, if no session is recorded.
--
-- The parameters are the recorded session and the process of a session that does not
-- count. Runs under search_path = pg_catalog. pg_locks and these columns of
-- pg_stat_activity are visible to every login, except backend_start, client_addr and
-- xact_start.
with recorded as (
    select
        (session.value ->> 'pid')::integer as pid,
        (session.value ->> 'started')::timestamptz as started,
        (session.value ->> 'role')::oid as role
    from (select $1::jsonb as value) as session
),

others as (
    select
        pg_stat_activity.pid,
        pg_stat_activity.usesysid,
        pg_stat_activity.usename,
        pg_stat_activity.application_name,
        pg_stat_activity.client_addr,
        pg_stat_activity.backend_start,
        pg_stat_activity.xact_start
    from pg_stat_activity
    where
        pg_stat_activity.datname = current_database()
        and pg_stat_activity.usesysid is not null
        and pg_stat_activity.pid not in (pg_backend_pid(), $2)
),

found as (
    select
        'holder' as kind,
        others.*
    from others
    inner join recorded
        on others.pid = recorded.pid and others.usesysid = recorded.role
    where coalesce(others.backend_start = recorded.started, true)
    union all
    select
        'migration' as kind,
        others.*
    from others
    inner join pg_locks on others.pid = pg_locks.pid
    where
        pg_locks.locktype = 'advisory'
        and (pg_locks.classid, pg_locks.objid, pg_locks.objsubid) = (1635087464, 1, 2)
        and pg_locks.granted
    union all
    select
        'transaction' as kind,
        others.*
    from others
    inner join recorded on others.usesysid = recorded.role
    inner join pg_locks on others.pid = pg_locks.pid
    where pg_locks.locktype = 'virtualxid' and pg_locks.granted
    union all
    select
        'migrator' as kind,
        others.*
    from others
    inner join pg_roles on others.usesysid = pg_roles.oid
    cross join recorded
    where
        recorded.pid is null
        and (
            pg_roles.rolsuper
            or pg_has_role(others.usesysid, 'pg_database_owner', 'member')
        )
)

select
    found.kind,
    found.pid,
    format(
        'process %s of role %s (%s)',
        found.pid,
        found.usename,
        concat_ws(
            ', ',
            nullif(found.application_name, ''),
            found.client_addr,
            'connected at ' || date_trunc('second', found.backend_start),
            'in a transaction for '
            || date_trunc('second', clock_timestamp() - found.xact_start)
        )
    ) as description
from found
order by found.kind, found.pid;
