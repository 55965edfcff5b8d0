-- Lets yoyo's lock record the session that takes it, by the default of a column that
-- yoyo does not know. The lock of a first run can be older than the column. That run
-- records its session in yoyo's log. A login that does not own yoyo's tables changes
-- nothing.
--
-- Runs under search_path = pg_catalog. An early migration has the same block.
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
