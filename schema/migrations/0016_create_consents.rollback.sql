set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0016_create_consents');
drop function if exists authority.merge_details(jsonb, jsonb);
drop function if exists authority.covers_details(jsonb, jsonb);
drop function if exists authority.merge_texts(text[], text[]);
call authority.drop_tables('0016_create_consents', 'consents');
