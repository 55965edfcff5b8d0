set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
-- A second run finds no guard any more.
do $$
begin
    if to_regprocedure('authority.guard_rollback(text)') is not null then
        call authority.guard_rollback('0003_guard_rollbacks');
    end if;
end
$$;
drop procedure if exists authority.drop_tables(text, text[]);
drop procedure if exists authority.guard_rollback(text);
drop function if exists authority.may_roll_back(text);
