set local role authority_owner;
drop function if exists authority.find_live_token(uuid, bytea, text);
drop view if exists authority.verified_tokens;
drop view if exists authority.live_tokens;
drop view if exists authority.token_states;
drop table if exists authority.tokens;
drop table if exists authority.authorizations;
drop table if exists authority.consents;
drop function if exists authority.merge_scopes(text[], text[]);
