set local search_path = pg_catalog;
set local role pg_database_owner;
drop view if exists authority.live_tokens;
drop view if exists authority.token_states;
drop function if exists authority.are_tokens_alive(uuid, uuid[]);
drop function if exists authority.sign_in_time(timestamptz);
