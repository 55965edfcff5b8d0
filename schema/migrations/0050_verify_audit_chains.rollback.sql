set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0050_verify_audit_chains');
drop function if exists
authority.verify_audit_events(uuid, date, bigint, bytea, bigint);
drop function if exists authority.verify_audit_link(authority.audit_chains);
drop function if exists authority.list_audit_months(uuid);
