-- name: describe()^
-- What `authority doctor` reports of the server and of the current role: one row.
-- @row ServerDescription
-- @notnull is_standby -- The function returns a boolean.
select
    current_setting('server_version_num')::integer as version_number,
    current_setting('server_version') as version,
    current_setting('server_encoding') as encoding,
    current_database() as database_name,
    current_user::text as role_name,
    pg_is_in_recovery() as is_standby,
    pg_last_xact_replay_timestamp() as replayed_at,
    pg_roles.rolsuper as is_superuser,
    pg_roles.rolcreaterole as may_create_roles,
    pg_has_role('pg_database_owner', 'member')
    and has_schema_privilege(to_regnamespace('authority_yoyo'), 'create')
    is not false as may_migrate,
    array(
        select coalesce(grantees.rolname::text, 'everybody')
        from pg_catalog.pg_database
        cross join
            lateral aclexplode(
                coalesce(pg_database.datacl, acldefault('d', pg_database.datdba))
            ) as granted
        left join pg_catalog.pg_roles as grantees on granted.grantee = grantees.oid
        where
            pg_database.datname = current_database()
            and granted.privilege_type = 'CONNECT'
            and (
                granted.grantee = 0
                or grantees.rolname in (
                    'authority_app', 'authority_maintenance', 'authority_reader'
                )
            )
        order by granted.grantee
    ) as let_in,
    array(
        select ours.name
        from
            unnest(array[
                'authority_app', 'authority_maintenance', 'authority_reader'
            ]) as ours (name)
        where to_regrole(ours.name) is null
    ) as missing_roles,
    to_regnamespace('authority') is not null as has_schema,
    array(
        select ours.rolname::text
        from pg_catalog.pg_roles as ours
        where
            ours.rolname in (
                'authority_app', 'authority_maintenance', 'authority_reader'
            )
            and pg_has_role(ours.oid, 'member')
        order by ours.rolname
    ) as may_act_as,
    array(
        select held.rolname::text
        from pg_catalog.pg_roles as held
        where
            held.rolname in ('authority_app', current_user)
            and not held.rolsuper
            and not held.rolbypassrls
            and not pg_has_role(held.oid, 'pg_database_owner', 'usage')
            and pg_has_role(held.oid, to_regrole('authority_maintenance'), 'usage')
            is not true
        order by held.rolname
    ) as held_roles,
    array(
        select pg_class.oid::regclass::text
        from pg_catalog.pg_class
        where
            pg_class.relnamespace = to_regnamespace('authority')
            and pg_class.relkind in ('r', 'p')
            and not (pg_class.relrowsecurity and pg_class.relforcerowsecurity)
        order by pg_class.relname
    ) as unprotected_tables,
    not exists (
        select from pg_catalog.pg_proc
        where
            pg_proc.pronamespace = to_regnamespace('authority')
            and pg_proc.proname = 'clock'
            and pg_get_function_sqlbody(pg_proc.oid)
            is distinct from 'RETURN statement_timestamp()'
    ) as is_clock_true,
    clock_timestamp() as clock
from pg_catalog.pg_roles
where pg_roles.rolname = current_user;

-- name: get_schema_version()^
-- The newest migration that was applied, and the oldest package that the database
-- supports, named by the newest migration of that package. Each new connection of a
-- service or an operator asks for both, and in the same trip for the server process,
-- which shows whether a pooler is between.
-- @row SchemaVersion
-- @notnull newest -- The function returns a constant.
-- @notnull oldest_package -- The function returns a constant.
select
    pg_catalog.pg_backend_pid() as process_id,
    authority.schema_version() as newest,
    authority.oldest_package() as oldest_package;

-- name: get_lsn()$
-- The timeline of the server's write-ahead log, and where the log ends, such as
-- 1:0/16B3748. On a primary, every transaction that has committed ends before it. On a
-- standby, this is the end of what was replayed.
-- @notnull lsn -- A server that answers has a log.
with logs as (
    select
        case
            when pg_is_in_recovery() then pg_last_wal_replay_lsn()
            else pg_current_wal_insert_lsn()
        end as lsn
),

-- A standby knows the timeline of its last restartpoint, which is at most its own.
timelines as (
    select
        case
            when pg_is_in_recovery()
                then (pg_control_checkpoint()).timeline_id::text
            else
                ('x' || left(pg_walfile_name(logs.lsn), 8))::bit(32)::integer::text
        end as timeline
    from logs
)

-- The next record begins after the header of its page, which has 24 octets. A standby
-- reports the end of the last record, and so stays before a header without a record.
select
    timelines.timeline
    || ':'
    || (
        logs.lsn
        - case
            when
                mod(
                    logs.lsn - '0/0'::pg_lsn,
                    current_setting('wal_block_size')::numeric
                ) = 24
                then 24
            else 0
        end::numeric
    )::text as lsn
from logs
cross join timelines;

-- name: get_replay(lsn)^
-- How far the server's write-ahead log goes, and whether it has reached this LSN of
-- get_lsn: on a standby what was replayed, on a primary what was written.
-- @row Replay
-- @notnull is_standby -- The function returns a boolean.
-- @notnull lsn -- A server that answers has a log.
-- @notnull is_reached -- The same.
with logs as (
    select
        pg_is_in_recovery() as is_standby,
        case
            when pg_is_in_recovery() then pg_last_wal_replay_lsn()
            else pg_current_wal_insert_lsn()
        end as lsn
),

timelines as (
    select
        case
            when logs.is_standby then (pg_control_checkpoint()).timeline_id
            else ('x' || left(pg_walfile_name(logs.lsn), 8))::bit(32)::integer
        end as timeline
    from logs
)

-- Only a server on the LSN's timeline, or on one that began later, has its log.
select
    logs.is_standby,
    timelines.timeline::text || ':' || logs.lsn::text as lsn,
    timelines.timeline >= split_part(:lsn::text, ':', 1)::integer
    and logs.lsn >= split_part(:lsn::text, ':', 2)::pg_lsn as is_reached,
    pg_last_xact_replay_timestamp() as replayed_at
from logs
cross join timelines;
