set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0047_isolate_audit_events');
drop function if exists authority.prune_default_audit_events(interval, bigint);
drop function if exists authority.drop_audit_event_partitions(interval);
drop function if exists authority.create_audit_event_partitions(bigint);
