-- A foreign key that refuses a deletion that one of our roles may execute, and that is
-- not listed with what deletes ended rows first. No list returns an ended row, so
-- nobody could find the row that the deletion fails for, and it would fail for ever.
with known (name, reason) as (
    values
    (
        'user_roles_tenant_id_role_id_fk',
        'roles.delete deletes the ended assignments with the role.'
    )
)

select foreign_keys.conname as offender
from pg_catalog.pg_constraint as foreign_keys
where
    foreign_keys.contype = 'f'
    and foreign_keys.connamespace = 'authority'::regnamespace
    and foreign_keys.conparentid = 0
    and foreign_keys.confdeltype in ('a', 'r')
    and exists (
        select from pg_catalog.pg_roles as roles
        where
            roles.rolname in (
                'authority_app', 'authority_maintenance', 'authority_reader'
            )
            and has_table_privilege(roles.oid, foreign_keys.confrelid, 'delete')
    )
    and foreign_keys.conname not in (select known.name from known);
