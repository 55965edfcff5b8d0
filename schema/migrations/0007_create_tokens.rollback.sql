drop table if exists authority.tokens;
drop table if exists authority.authorizations;
