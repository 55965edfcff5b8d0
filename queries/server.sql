-- name: describe()^
-- What `authority doctor` says of the server: one row.
-- @row ServerDescription
select
    current_setting('server_version_num')::integer as version_number,
    current_setting('server_version') as version,
    current_setting('server_encoding') as encoding,
    lower(chr(196)) = chr(228) as folds_case,
    current_database() as database_name,
    current_user::text as role_name,
    pg_roles.rolsuper as is_superuser,
    pg_roles.rolcreaterole as may_create_roles,
    has_database_privilege(current_database(), 'create')
    and coalesce(has_schema_privilege(current_schema(), 'create'), false)
        as may_migrate,
    to_regclass('_yoyo_migration') is not null as has_migration_log,
    clock_timestamp() as clock
from pg_catalog.pg_roles
where pg_roles.rolname = current_user;

-- name: list_applied_migrations()
-- One migration that yoyo has marked as applied, in its books in the search_path.
-- @row AppliedMigration
-- @notnull migration_id -- yoyo never leaves it out, though its table would let it.
select applied.migration_id
from _yoyo_migration as applied
order by applied.applied_at_utc;
