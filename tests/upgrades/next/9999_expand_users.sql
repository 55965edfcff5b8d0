-- A migration of a release that does not exist: it adds what older packages do not use,
-- and lets them open the database.
--
-- Locks: ACCESS EXCLUSIVE on users, for a moment.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;

alter table authority.users
add column if not exists nickname text collate "C" default 'none' not null;

grant select (nickname), insert (nickname), update (nickname)
on authority.users to authority_app;

create or replace function authority.schema_version()
returns text
language sql
immutable parallel safe
return '9999_expand_users'::text;
