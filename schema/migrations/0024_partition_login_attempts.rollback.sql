set local search_path = pg_catalog;
set local role pg_database_owner;
drop function if exists authority.prune_default_login_attempts(interval, bigint);
drop function if exists authority.drop_login_attempt_partitions(interval);
drop function if exists authority.create_login_attempt_partitions(bigint);
drop function if exists authority.prune_default_partition(regclass, interval, bigint);
drop function if exists authority.drop_partitions(regclass, interval);
drop function if exists authority.create_partitions(regclass, bigint);
