set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0063_find_feed_heads');

drop function if exists authority.find_feed_heads(uuid[]);
