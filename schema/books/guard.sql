-- Raises an error that names each object through which another role could act as the
-- migrating role. It trusts superusers, the migrating role, the owner of the database
-- and the owner's members. Any other owner of an object that a migration uses could run
-- code as the migrating role.
--
-- Reads only the catalogue, under search_path = pg_catalog. The first migration has the
-- same block.
do $$
declare
    books constant oid := to_regnamespace('authority_yoyo');
    ours constant oid := to_regnamespace('authority');
    traps text;
begin
    with trusted as (
        select pg_roles.oid
        from pg_roles
        where
            pg_roles.rolsuper
            or pg_roles.rolname in (current_user, session_user)
            or pg_has_role(pg_roles.oid, 'pg_database_owner', 'member')
    ),

    tables as (
        select
            pg_class.*,
            pg_class.oid::regclass as name
        from pg_class
        where
            pg_class.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
            and (
                pg_class.relnamespace = ours
                or pg_class.relnamespace = books
                and pg_class.relname in (
                    'yoyo_lock', '_yoyo_log', '_yoyo_version', '_yoyo_migration'
                )
            )
    ),

    owned as (
        select
            format('the schema %I', pg_namespace.nspname) as thing,
            pg_namespace.nspowner as owner
        from pg_namespace
        where pg_namespace.oid in (books, ours)
        union all
        select tables.name::text as thing, tables.relowner as owner
        from tables
        union all
        select pg_proc.oid::regprocedure::text as thing, pg_proc.proowner as owner
        from pg_proc
        where pg_proc.pronamespace in (books, ours)
        union all
        select pg_operator.oid::regoperator::text as thing, pg_operator.oprowner
        from pg_operator
        where pg_operator.oprnamespace in (books, ours)
    ),

    found as (
        select
            format(
                '%s belongs to %I', owned.thing, pg_get_userbyid(owned.owner)
            ) as trap
        from owned
        where owned.owner not in (select trusted.oid from trusted)
        union all
        select format(
            '%s may create in the schema %I',
            case granted.grantee
                when 0 then 'everybody'
                else quote_ident(pg_get_userbyid(granted.grantee))
            end,
            pg_namespace.nspname
        )
        from pg_namespace
        cross join lateral aclexplode(pg_namespace.nspacl) as granted
        where
            pg_namespace.oid in (books, ours)
            and granted.privilege_type = 'CREATE'
            and granted.grantee not in (select trusted.oid from trusted)
        union all
        select format('%s has the trigger %I', tables.name, pg_trigger.tgname)
        from tables
        inner join pg_trigger on tables.oid = pg_trigger.tgrelid
        where not pg_trigger.tgisinternal and tables.relnamespace = books
        union all
        select format('%s has the rule %I', tables.name, pg_rewrite.rulename)
        from tables
        inner join pg_rewrite on tables.oid = pg_rewrite.ev_class
        where tables.relnamespace = books
        union all
        select format('%s has the policy %I', tables.name, pg_policy.polname)
        from tables
        inner join pg_policy on tables.oid = pg_policy.polrelid
        where tables.relnamespace = books
    )

    select string_agg(found.trap, '; ' order by found.trap)
    into traps
    from found;
    if traps is not null then
        raise 'others could act as the migrating role: %', traps;
    end if;
end
$$;
