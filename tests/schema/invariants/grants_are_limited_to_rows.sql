-- A privilege on tables that no policy restricts (truncate, references, trigger,
-- maintain), one with grant option, one of a role that is not ours, or any on a
-- partition, whose rows are reached through its parent.
with granted as (
    select
        tables.oid,
        tables.relispartition,
        privileges.grantee,
        privileges.privilege_type,
        privileges.is_grantable
    from pg_catalog.pg_class as tables
    cross join lateral aclexplode(tables.relacl) as privileges
    where
        tables.relnamespace = 'authority'::regnamespace
        and privileges.grantee <> tables.relowner
    union all
    select
        tables.oid,
        tables.relispartition,
        privileges.grantee,
        privileges.privilege_type,
        privileges.is_grantable
    from pg_catalog.pg_class as tables
    inner join pg_catalog.pg_attribute as columns on tables.oid = columns.attrelid
    cross join lateral aclexplode(columns.attacl) as privileges
    where
        tables.relnamespace = 'authority'::regnamespace
        and privileges.grantee <> tables.relowner
)

select distinct
    concat(
        granted.oid::regclass,
        ': ',
        granted.grantee::regrole,
        ' ',
        granted.privilege_type
    ) as offender
from granted
where
    granted.privilege_type not in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    or granted.is_grantable
    or granted.relispartition
    or granted.grantee not in (
        'authority_app'::regrole,
        'authority_maintenance'::regrole,
        'authority_reader'::regrole
    );
