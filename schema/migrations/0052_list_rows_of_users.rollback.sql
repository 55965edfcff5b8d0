set local search_path = pg_catalog;
set local role pg_database_owner;
drop function if exists authority.rows_of_users();
