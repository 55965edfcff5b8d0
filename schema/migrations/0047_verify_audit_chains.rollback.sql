set local search_path = pg_catalog;
set local role pg_database_owner;
drop function if exists
authority.verify_audit_events(uuid, date, bigint, bytea, bigint);
drop function if exists authority.verify_audit_link(authority.audit_chains);
drop function if exists authority.list_audit_months(uuid);
