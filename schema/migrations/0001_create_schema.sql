-- Creates the roles and the schema that every table of the authority lives in.
--
-- Roles belong to the whole server. Where the migrating role may not create roles, a
-- DBA runs schema/bootstrap.sql first.
--
-- Locks: none on tables in use.

-- yoyo's books are in the first schema of yoyo's search_path. The rest of this
-- migration looks names up in pg_catalog only.
do $$
begin
    perform pg_catalog.set_config(
        'authority.books',
        pg_catalog.quote_ident(pg_catalog.current_schema()::pg_catalog.text),
        true
    );
end
$$;
set local search_path = pg_catalog;
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- The same block as in schema/books/guard.sql, which `authority migrate` runs before
-- yoyo.
do $$
declare
    books constant oid := to_regnamespace(current_setting('authority.books'));
    ours constant oid := to_regnamespace('authority');
    traps text;
begin
    with trusted as (
        select pg_roles.oid
        from pg_roles
        where
            pg_roles.rolsuper
            or pg_roles.rolname in (current_user, session_user)
            -- Not to_regrole: it caches that the role is missing, while another
            -- database's migration may create it.
            or pg_has_role(
                pg_roles.oid,
                (
                    select owners.oid from pg_roles as owners
                    where owners.rolname = 'authority_owner'
                ),
                'member'
            ) is true
    ),

    -- The owner of the database owns PostgreSQL's schema public.
    owners as (
        select trusted.oid from trusted
        union all
        select to_regrole('pg_database_owner')::oid
        from pg_database
        inner join trusted on pg_database.datdba = trusted.oid
        where pg_database.datname = current_database()
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
        where owned.owner not in (select owners.oid from owners)
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
            and granted.grantee not in (select owners.oid from owners)
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

do $$
declare
    wanted name;
begin
    foreach wanted in array array[
        'authority_owner', 'authority_app', 'authority_maintenance', 'authority_reader'
    ]
    loop
        continue when exists (
            select from pg_catalog.pg_roles where rolname = wanted
        );
        begin
            execute format('create role %I nologin', wanted);
        exception
            when duplicate_object or unique_violation then
                null; -- another database's migration created it
            when insufficient_privilege then
                raise insufficient_privilege using message = format(
                    'the role %s is missing, and %s may not create it: '
                    'have a DBA run schema/bootstrap.sql',
                    wanted, current_user
                );
        end;
    end loop;
    begin
        set local role authority_owner;
        reset role;
    exception when insufficient_privilege then
        begin
            grant authority_owner to current_user;
        exception when insufficient_privilege then
            raise insufficient_privilege using message = format(
                '%s is not a member of authority_owner: '
                'have a DBA run schema/bootstrap.sql',
                current_user
            );
        end;
    end;
    if to_regnamespace('authority') is null then
        if not has_database_privilege(current_database(), 'create') then
            set local role authority_owner; -- may create it after schema/bootstrap.sql
        end if;
        create schema authority authorization authority_owner;
    end if;
end
$$;

set local role authority_owner;

comment on schema authority is
'Storage of a multi-tenant OAuth 2.0 / OpenID Connect authority.';

grant usage on schema authority
to authority_app, authority_maintenance, authority_reader;
