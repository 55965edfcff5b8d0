set local search_path = pg_catalog;
set local role pg_database_owner;
drop function if exists authority.seal_audit_events(bigint);
drop function if exists authority.open_audit_chain(uuid, date);
drop function if exists authority.first_seal_of_chain(authority.audit_chains);
drop function if exists authority.seal_of_event(authority.audit_events, bigint, bytea);
drop function if exists authority.digest_of_actor(authority.audit_events);
drop function if exists authority.digest_of_target(authority.audit_events);
