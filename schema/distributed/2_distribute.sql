-- Distributes the tables of an empty, migrated authority by tenant. A superuser runs it
-- once, on the coordinator:
--
--     psql -d authority -v ON_ERROR_STOP=1 -f schema/distributed/2_distribute.sql
--
-- The tables of tenants' rows become one group of colocated shards, so the rows of a
-- tenant are on one node. The tables without a tenant, and the tenants, are on every
-- node. Tables of audit events are not distributed, and nothing writes to them.

begin;
set local search_path = pg_catalog;
set local client_min_messages = warning;

do $$
begin
    if exists (
        select from pg_dist_partition
        inner join pg_class on pg_dist_partition.logicalrelid = pg_class.oid
        where pg_class.relnamespace = to_regnamespace('authority')
    ) then
        raise 'the authority of this database is distributed already';
    end if;
    if exists (select from authority.tenants) then
        raise 'the database has tenants: distribute an empty one, and load them';
    end if;
end
$$;

-- pg_database_owner cannot log in to a worker, so another role owns the objects.
do $$
declare
    thing text;
begin
    set local citus.enable_ddl_propagation = off;
    for thing in
        select format('table %s', pg_class.oid::regclass) as thing
        from pg_class
        where
            pg_class.relnamespace = 'authority'::regnamespace
            and pg_class.relkind in ('r', 'p', 'v')
        union all
        select format('routine %s', pg_proc.oid::regprocedure) as thing
        from pg_proc
        where pg_proc.pronamespace = 'authority'::regnamespace
        union all
        select 'schema authority' as thing
    loop
        execute format('alter %s owner to authority_owner', thing);
    end loop;
end
$$;

-- A foreign key between two tables can be made when both are distributed.
create temporary table foreign_keys on commit drop as
select
    pg_constraint.conrelid::regclass::text as subject,
    pg_constraint.conname as name,
    pg_get_constraintdef(pg_constraint.oid) as definition
from pg_constraint
where
    pg_constraint.contype = 'f'
    and pg_constraint.conparentid = 0
    and pg_constraint.connamespace = 'authority'::regnamespace;

do $$
declare
    found record;
begin
    for found in select * from foreign_keys loop
        execute format(
            'alter table %s drop constraint %I', found.subject, found.name
        );
    end loop;
    -- record_change writes to the audit events, which a shard does not reach. The
    -- tenants are on every node, so each node would publish their changes.
    for found in
        select pg_trigger.tgrelid::regclass as subject, pg_trigger.tgname as name
        from pg_trigger
        where
            not pg_trigger.tgisinternal
            and (
                pg_trigger.tgfoid = 'authority.record_change'::regproc
                or pg_trigger.tgrelid = 'authority.tenants'::regclass
            )
    loop
        execute format('drop trigger %I on %s', found.name, found.subject);
    end loop;
end
$$;

do $$
declare
    subject regclass;
    first regclass;
begin
    set local citus.enable_ddl_propagation = on;
    set local citus.enable_unsafe_triggers = on; -- those of the feed
    set local citus.multi_shard_modify_mode = 'sequential';
    foreach subject in array array[
        'authority.tenants',
        'authority.permissions',
        'authority.system_roles',
        'authority.system_scopes'
    ]::regclass[]
    loop
        perform create_reference_table(subject);
    end loop;
    for subject in
        select pg_class.oid
        from pg_class
        inner join pg_attribute
            on
                pg_class.oid = pg_attribute.attrelid
                and pg_attribute.attname = 'tenant_id'
        where
            pg_class.relnamespace = 'authority'::regnamespace
            and pg_class.relkind in ('r', 'p')
            and not pg_class.relispartition
            and pg_class.relname not like 'audit%'
        order by pg_class.relname
    loop
        perform create_distributed_table(
            subject, 'tenant_id',
            colocate_with => coalesce(first::text, 'none')
        );
        first := coalesce(first, subject);
    end loop;
end
$$;

do $$
declare
    found record;
begin
    for found in
        select * from foreign_keys where subject not like 'authority.audit%'
    loop
        execute format(
            'alter table %s add constraint %I %s',
            found.subject, found.name, found.definition
        );
    end loop;
    -- Citus inserts the default of every column, so the role needs the privilege.
    -- Restrictive policies hold the system rows.
    for found in
        select distinct
            pg_class.oid::regclass as subject,
            pg_get_userbyid(granted.grantee) as role,
            (
                select string_agg(quote_ident(columns.attname), ', ')
                from pg_attribute as columns
                where
                    columns.attrelid = pg_class.oid
                    and columns.attnum > 0
                    and columns.atthasdef
                    and columns.attgenerated = ''
                    and not columns.attisdropped
            ) as defaulted
        from pg_class
        inner join pg_attribute on pg_class.oid = pg_attribute.attrelid
        cross join lateral aclexplode(pg_attribute.attacl) as granted
        inner join pg_dist_partition on pg_class.oid = pg_dist_partition.logicalrelid
        where
            pg_class.relnamespace = 'authority'::regnamespace
            and granted.privilege_type = 'INSERT'
    loop
        continue when found.defaulted is null;
        execute format(
            'grant insert (%s) on %s to %I',
            found.defaulted, found.subject, found.role
        );
    end loop;
end
$$;

commit;
