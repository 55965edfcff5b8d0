-- Creates the procedures that rollbacks call. They refuse to roll back a migration
-- while a later one is applied. In a database with tenants, and for a table with rows,
-- the setting authority.roll_back must name the migration.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0003_guard_rollbacks');

create or replace function authority.may_roll_back(migration text)
returns boolean
language sql
stable
return coalesce(
    migration = any(
        string_to_array(
            replace(current_setting('authority.roll_back', true), ' ', ''), ','
        )
    ),
    false
);

comment on function authority.may_roll_back is
'Whether the setting authority.roll_back, a list with commas, has the migration.';

create or replace procedure authority.guard_rollback(migration text)
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
    later text;
begin
    -- The generator's throwaway databases have their books elsewhere.
    if to_regclass('authority_yoyo._yoyo_migration') is not null then
        select max(migration_id collate "C") into later
        from authority_yoyo._yoyo_migration
        where migration_id ~ '^[0-9]{4}_' and migration_id collate "C" > migration;
    end if;
    if later is not null then
        raise '% cannot be rolled back: % is applied and later', migration, later
            using
                errcode = 'object_not_in_prerequisite_state',
                hint = 'Roll back the later migrations first, the newest one first.';
    end if;
    if authority.may_roll_back(migration)
        or to_regclass('authority.tenants') is null
    then
        return;
    end if;
    -- A policy lets the owner see all tenants.
    if exists (select from authority.tenants) then
        raise '% was not rolled back: authority.tenants has rows', migration
            using
                errcode = 'object_in_use',
                hint = format(
                    'Make a backup, stop what needs the migration, and set '
                    'PGOPTIONS=''-c authority.roll_back=%s''', migration
                );
    end if;
end
$$;

comment on procedure authority.guard_rollback is
'Raises an error if a later migration is applied, or if there are tenants and the
setting authority.roll_back does not name the migration. Every rollback calls it.';

create or replace procedure authority.drop_tables(
    migration text, variadic targets text[]
)
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
    target text;
    found regclass;
    has_rows boolean;
begin
    foreach target in array targets loop
        found := to_regclass(format('authority.%I', target));
        continue when found is null; -- a second run
        if not authority.may_roll_back(migration) then
            if current_setting('transaction_isolation') <> 'read committed' then
                raise 'transaction_isolation must be read committed, not %: '
                    'rows that others are inserting would not be seen',
                    current_setting('transaction_isolation')
                    using errcode = 'object_not_in_prerequisite_state';
            end if;
            -- Locks the table, and shows all rows to its owner. An error undoes both.
            execute format('alter table %s no force row level security', found);
            execute format('select exists (select from %s)', found) into has_rows;
            if has_rows then
                raise '% was not rolled back: authority.% has rows', migration, target
                    using
                        errcode = 'object_in_use',
                        hint = format(
                            'Make a backup, and set '
                            'PGOPTIONS=''-c authority.roll_back=%s''', migration
                        );
            end if;
        end if;
        execute format('drop table %s', found);
    end loop;
end
$$;

comment on procedure authority.drop_tables is
'Drops tables in this order. Raises an error if one has rows and the setting
authority.roll_back does not name the migration. `yoyo rollback --force` ignores the
errors of statements, so one statement both checks and drops.';

revoke execute on function authority.may_roll_back(text) from public;
revoke execute on procedure
authority.guard_rollback(text), authority.drop_tables(text, text[])
from public;
