set local search_path = pg_catalog;
set local role pg_database_owner;
drop function if exists authority.prune_default_audit_events(interval, bigint);
drop function if exists authority.drop_audit_event_partitions(interval);
drop function if exists authority.create_audit_event_partitions(bigint);
