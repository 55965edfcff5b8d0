-- A foreign key that refuses a deletion which somebody of ours may ask for, and is not
-- known to let rows that are over go first: they are in no list, so nobody could tell
-- what the deletion fails for, and it would fail for ever.
with known (name, reason) as (
    values
    (
        'user_roles_tenant_id_role_id_fk',
        'roles.delete deletes the assignments that are over with the role.'
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
