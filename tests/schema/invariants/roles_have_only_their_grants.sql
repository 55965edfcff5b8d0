-- A role of the schema that can do more than its grants: by an attribute, by a setting
-- of its own, or as a member of another role.
select roles.rolname::text as offender
from pg_catalog.pg_roles as roles
where
    roles.rolname in (
        'authority_app', 'authority_maintenance', 'authority_reader'
    )
    and (
        roles.rolsuper
        or roles.rolbypassrls
        or roles.rolcreaterole
        or roles.rolcreatedb
        or roles.rolreplication
        or roles.rolcanlogin
        or exists (
            select from pg_catalog.pg_db_role_setting as settings
            where settings.setrole = roles.oid
        )
        or exists (
            select from pg_catalog.pg_auth_members as memberships
            where memberships.member = roles.oid
        )
    );
