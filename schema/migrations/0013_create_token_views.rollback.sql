set local search_path = pg_catalog;
set local role authority_owner;
drop function if exists authority.find_live_token(uuid, bytea, text);
drop view if exists authority.verified_tokens;
drop view if exists authority.live_tokens;
drop view if exists authority.token_states;
drop function if exists authority.are_tokens_alive(uuid, uuid[]);
drop function if exists authority.sign_in_time(timestamptz);
