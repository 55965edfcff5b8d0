set local search_path = pg_catalog;
set local role authority_owner;
drop function if exists authority.reserve_login_attempt(
    uuid, text, inet, text, bigint, bigint, bigint, bigint, interval
);
drop table if exists authority.login_throttles;
drop function if exists authority.address_site(inet);
drop function if exists authority.address_prefix(inet);
drop function if exists authority.prune_default_login_attempts(interval, bigint);
drop function if exists authority.drop_login_attempt_partitions(interval);
drop function if exists authority.create_login_attempt_partitions(bigint);
drop table if exists authority.login_attempts;
drop function if exists authority.canonical_address(inet);
