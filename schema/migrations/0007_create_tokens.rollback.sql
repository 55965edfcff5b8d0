drop view if exists authority.live_tokens;
drop table if exists authority.tokens;
drop table if exists authority.authorizations;
