set local search_path = pg_catalog;
set local role pg_database_owner;
drop table if exists authority.users;
drop function if exists authority.is_username_key(text, text);
drop function if exists authority.is_password_hash(text);
