set local search_path = pg_catalog;
set local role pg_database_owner;

drop function if exists authority.publish_end();
drop function if exists authority.publish_consent();
drop function if exists authority.await_families();
drop function if exists authority.publish_revocation();
drop function if exists authority.is_feed_on();
