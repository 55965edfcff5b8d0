set local search_path = pg_catalog;
set local role pg_database_owner;
drop function if exists authority.merge_details(jsonb, jsonb);
drop function if exists authority.covers_details(jsonb, jsonb);
drop function if exists authority.merge_texts(text[], text[]);
drop table if exists authority.consents;
