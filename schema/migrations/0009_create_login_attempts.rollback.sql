set local role authority_owner;
drop table if exists authority.login_throttles;
drop function if exists authority.address_prefix(inet);
drop function if exists authority.create_login_attempt_partitions(bigint);
drop table if exists authority.login_attempts;
