-- Creates the procedure with which every later migration begins. It keeps two runs
-- apart. Yoyo's lock alone cannot: a person may remove the lock of a run that is alive.
-- From now on yoyo's lock records the session that takes it.
--
-- Locks: yoyo_lock and _yoyo_log of authority_yoyo, which no service uses.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';

-- The same block as in schema/books/record.sql, which `authority migrate` runs before
-- yoyo.
do $$
declare
    lock_table regclass;
begin
    perform pg_advisory_xact_lock(1635087464, 2); -- one run after the other
    lock_table := to_regclass('authority_yoyo.yoyo_lock');
    if to_regnamespace('authority_yoyo') is null
    or exists (
        select from pg_attribute where attrelid = lock_table and attname = 'session'
    ) then
        return;
    end if;
    -- A pooler that shares its sessions sets the name of a client's application later.
    -- So the session is the client's own if it began with one of these names.
    create or replace function authority_yoyo.session()
    returns jsonb
    language sql
    stable
    set search_path = pg_catalog, pg_temp
    as $body$
    select
        jsonb_build_object(
            'pid', mine.pid,
            'started', mine.backend_start,
            'role', mine.usesysid::bigint,
            'application', mine.application_name,
            'address', mine.client_addr,
            'is_direct', (
                select
                    settings.source = 'client'
                    and settings.setting in ('authority migrate', 'authority yoyo')
                from pg_settings as settings
                where settings.name = 'application_name'
            )
        )
    from pg_stat_activity as mine
    where mine.pid = pg_backend_pid()
    $body$;
    comment on function authority_yoyo.session is
    'Returns the present session as yoyo''s lock records it.';
    if lock_table is null then
        create table authority_yoyo.yoyo_lock (
            locked int default 1 primary key, ctime timestamp, pid int not null
        );
    end if;
    alter table authority_yoyo.yoyo_lock add column session jsonb;
    alter table authority_yoyo.yoyo_lock
    alter column session set default authority_yoyo.session();
    if to_regclass('authority_yoyo._yoyo_log') is not null then
        alter table authority_yoyo._yoyo_log add column if not exists session jsonb;
        alter table authority_yoyo._yoyo_log
        alter column session set default authority_yoyo.session();
    end if;
exception when insufficient_privilege then
    null; -- such a lock is released only by a person
end
$$;

set local role pg_database_owner;

create or replace procedure authority.begin_migration(migration text)
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
begin
    -- Until the end of the transaction. Shows others that a migration is running.
    perform pg_advisory_xact_lock(1635087464, 1);
    if to_regclass('authority_yoyo._yoyo_migration') is not null then
        if exists (
            select from authority_yoyo._yoyo_migration as applied
            where applied.migration_id = migration
        ) then
            raise object_not_in_prerequisite_state using message = format(
                'another run has applied %s since this run began: start again',
                migration
            );
        end if;
    end if;
    -- The server ends the statement of a client that was killed.
    perform set_config('client_connection_check_interval', '1s', true);
exception when invalid_parameter_value then
    null; -- the server's system cannot watch a connection
end
$$;

comment on procedure authority.begin_migration is
'Waits until no other migration runs in this database, and refuses a migration that
yoyo has marked as applied. A run that has lost its lock to another run would repeat old
definitions over new ones.';

revoke execute on procedure authority.begin_migration from public;

call authority.begin_migration('0002_begin_migrations');
