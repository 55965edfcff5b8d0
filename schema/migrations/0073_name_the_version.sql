-- Creates the functions that return the version of the schema. A service compares it
-- with its own version when it opens. Every later migration replaces
-- authority.schema_version. A migration that older packages cannot work with replaces
-- authority.oldest_package too.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0073_name_the_version');

create or replace function authority.schema_version()
returns text
language sql
immutable parallel safe
return '0073_name_the_version'::text;

comment on function authority.schema_version is
'Returns the name of the newest applied migration.';

create or replace function authority.oldest_package()
returns text
language sql
immutable parallel safe
return '0073_name_the_version'::text;

comment on function authority.oldest_package is
'Returns the newest migration of the oldest package that may use this database. Older
packages refuse to open it.';

revoke execute on function authority.schema_version(), authority.oldest_package()
from public;
grant execute on function authority.schema_version(), authority.oldest_package()
to authority_app, authority_maintenance, authority_reader;
