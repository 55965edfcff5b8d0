set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0045_publish_revocations');

drop function if exists authority.publish_end();
drop function if exists authority.publish_consent();
drop function if exists authority.await_families();
drop function if exists authority.publish_revocation();
drop function if exists authority.is_feed_on();
