-- Creates the roles and the schema that every table of the authority lives in, and lets
-- only logins with a grant of their own connect to the database.
--
-- The owner of the database migrates, or a member of the owner. Both may work as
-- pg_database_owner, which owns every object of the authority. PostgreSQL makes the
-- owner of the present database a member of it, and nobody else. The other roles belong
-- to the whole server. Where the migrating role may not create them, or does not own
-- the database, a DBA runs schema/bootstrap.sql first.
--
-- Locks: none on tables in use.

-- Another encoding cannot store every name, and books in another schema would not
-- record what is applied. Both are checked before the path is set, so that every name
-- is qualified.
do $$
begin
    if pg_catalog.current_setting('server_encoding')
        operator (pg_catalog.<>) 'UTF8'
    then
        raise 'the encoding of the database is %, not UTF8',
            pg_catalog.current_setting('server_encoding');
    end if;
    -- The generator's throwaway databases have no second run.
    if pg_catalog.current_setting('authority.is_throwaway', true)
        operator (pg_catalog.=) 'on'
    then
        return;
    end if;
    if pg_catalog.current_schema() operator (pg_catalog.<>) 'authority_yoyo' then
        raise 'yoyo keeps its books in the schema %: '
            'add ?schema=authority_yoyo to its URL',
            pg_catalog.current_schema();
    end if;
end
$$;

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';

-- The same block as in schema/books/guard.sql, which `authority migrate` runs before
-- yoyo.
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

-- A schema of the same name may be another software's, even of the same owner.
do $$
declare
    other name;
begin
    select pg_get_userbyid(spaces.nspowner) into other
    from pg_namespace as spaces
    where
        spaces.nspname = 'authority'
        and (
            spaces.nspowner <> 'pg_database_owner'::regrole
            or obj_description(spaces.oid, 'pg_namespace') is distinct from
            'Storage of a multi-tenant OAuth 2.0 / OpenID Connect authority.'
            and exists (
                select relnamespace from pg_class where relnamespace = spaces.oid
                union all
                select pronamespace from pg_proc where pronamespace = spaces.oid
            )
        );
    if other is not null then
        raise duplicate_schema using message = format(
            'this database has another schema named authority, which %I owns: '
            'rename or drop it, or use another database',
            other
        );
    end if;
end
$$;

-- Members have the same privileges in every authority of the server. So CONNECT keeps
-- the members of one database out of the others: a login gets it for its own database.
do $$
declare
    owner name;
    wanted name;
begin
    foreach wanted in array array[
        'authority_app', 'authority_maintenance', 'authority_reader'
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
        set local role pg_database_owner;
        reset role;
    exception when insufficient_privilege then
        raise insufficient_privilege using message = format(
            '%s is not the owner of the database %I, nor a member of the owner: '
            'have a DBA run schema/bootstrap.sql',
            current_user, current_database()
        );
    end;
    select pg_get_userbyid(datdba) into owner
    from pg_database where datname = current_database();
    if not pg_has_role(owner, 'usage') then -- a member that does not inherit
        execute format('set local role %I', owner);
    end if;
    execute format('revoke connect on database %I from public', current_database());
    if not has_database_privilege(session_user, current_database(), 'connect') then
        execute format(
            'grant connect on database %I to %I', current_database(), session_user
        );
    end if;
    create schema if not exists authority authorization pg_database_owner;
    reset role;
end
$$;

-- Whoever may migrate keeps the same books.
do $$
begin
    if to_regnamespace('authority_yoyo') is not null then
        grant usage, create on schema authority_yoyo to pg_database_owner;
        grant all on all tables in schema authority_yoyo to pg_database_owner;
    end if;
end
$$;

set local role pg_database_owner;

comment on schema authority is
'Storage of a multi-tenant OAuth 2.0 / OpenID Connect authority.';

grant usage on schema authority
to authority_app, authority_maintenance, authority_reader;
