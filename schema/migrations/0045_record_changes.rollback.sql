set local search_path = pg_catalog;
set local role pg_database_owner;
drop procedure if exists authority.audit(regclass, name[], name[]);
drop function if exists authority.record_change();
drop function if exists authority.audited_value(text, jsonb);
drop function if exists authority.current_actor();
