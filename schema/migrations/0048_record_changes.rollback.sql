set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0048_record_changes');
drop procedure if exists authority.audit(regclass, name[], name[]);
drop function if exists authority.record_change();
drop function if exists authority.audited_value(text, jsonb);
drop function if exists authority.current_actor();
