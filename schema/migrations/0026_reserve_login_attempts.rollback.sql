set local search_path = pg_catalog;
set local role pg_database_owner;
drop function if exists authority.reserve_login_attempt(
    uuid, text, inet, text, bigint, bigint, bigint, bigint, interval
);
