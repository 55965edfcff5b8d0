-- Names the version of the schema, which services compare with their own when they
-- open. Every later migration replaces authority.schema_version, and the function
-- authority.oldest_package too when older packages can no longer use the database.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '5s';
set local statement_timeout = '60s';
set local role authority_owner;

create or replace function authority.schema_version()
returns text
language sql
immutable parallel safe
return '0027_name_the_version'::text;

comment on function authority.schema_version is
'The newest migration that was applied.';

create or replace function authority.oldest_package()
returns text
language sql
immutable parallel safe
return '0027_name_the_version'::text;

comment on function authority.oldest_package is
'The oldest package that may use this database, named by its newest migration. Older
ones refuse to open it.';

revoke execute on function authority.schema_version(), authority.oldest_package()
from public;
grant execute on function authority.schema_version(), authority.oldest_package()
to authority_app, authority_maintenance, authority_reader;
