set local search_path = pg_catalog;
set local role pg_database_owner;
drop function if exists authority.advance_feed(uuid, bigint);
drop function if exists authority.load_rows(uuid, text, text[], text);
