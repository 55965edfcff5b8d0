-- transactional: false
-- A migration of a release that does not exist: an index that is built while services
-- write.
--
-- Locks: SHARE UPDATE EXCLUSIVE on users.

set search_path = pg_catalog;

drop index concurrently if exists authority.users_nickname_idx;

create index concurrently users_nickname_idx
on authority.users (tenant_id, display_name);

reset search_path;
