-- Keeps the session that yoyo's lock records: yoyo is still using its tables.
set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
do $$
declare
    later text;
begin
    if to_regclass('authority_yoyo._yoyo_migration') is not null then
        select max(migration_id collate "C") into later
        from authority_yoyo._yoyo_migration
        where migration_id collate "C" > '0002_begin_migrations';
    end if;
    if later is not null then
        raise '0002_begin_migrations cannot be rolled back: % is applied and later',
            later
            using
                errcode = 'object_not_in_prerequisite_state',
                hint = 'Roll back the later migrations first, the newest one first.';
    end if;
end
$$;
drop procedure if exists authority.begin_migration;
