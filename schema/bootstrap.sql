-- Prepares a database for a migrating login that does not own it or may not create
-- roles: creates the roles and the schema of yoyo's books, and makes the login the
-- owner of the database. A DBA runs it once for each database, before the first
-- migration, with psql as a superuser, or as an owner of the database with CREATEROLE
-- and CREATEDB who created the login. A second run changes nothing:
--
--     psql -d authority -v migrator=auth_deploy -f schema/bootstrap.sql
--
-- `migrator` is the login that will run `yoyo apply` or `authority migrate`. It gets no
-- attribute and cannot create roles. A member of the database's owner may migrate
-- already, and the database keeps its owner. Each authority of a server needs an owner
-- and a migrator of its own.

\set ON_ERROR_STOP on
\if :{?migrator}
\else
do $$ begin
    raise 'migrator is not set: '
        'run psql -v migrator=auth_deploy -f schema/bootstrap.sql';
end $$;
\endif

begin;
set local search_path = pg_catalog;
set local client_min_messages = warning; -- hides the notices of a second run

-- Roles belong to the whole server: another database may have created them already.
-- Services are members of authority_app, operators of authority_maintenance, and
-- reports of authority_reader. None of the roles can log in, is a superuser, bypasses
-- row-level security or creates roles.
select format('create role %I nologin', wanted.name)
from
    unnest(array['authority_app', 'authority_maintenance', 'authority_reader'])
        as wanted (name)
where to_regrole(wanted.name) is null
\gexec

-- yoyo's books have their own schema: they record which migrations are applied and who
-- holds the lock. The owner of the database owns all that is the authority's, and lets
-- only logins with a grant of their own connect.
select set_config('authority.migrator', :'migrator', true) as migrator
\gset
do $$
declare
    migrator constant name := current_setting('authority.migrator');
    is_lent boolean := false;
    book regclass;
begin
    if to_regrole(quote_ident(migrator)) is null then
        raise undefined_object
        using message = format('role "%s" does not exist', migrator);
    end if;
    begin
        set local role pg_database_owner;
        reset role;
    exception when insufficient_privilege then
        if pg_has_role(migrator, 'pg_database_owner', 'member') then
            return; -- a second run by the former owner
        end if;
        raise insufficient_privilege using message = format(
            '%s does not own the database %I', current_user, current_database()
        );
    end;
    execute format('revoke connect on database %I from public', current_database());
    create schema if not exists authority_yoyo authorization pg_database_owner;
    execute format('grant usage, create on schema authority_yoyo to %I', migrator);
    for book in
        select oid from pg_class
        where relnamespace = to_regnamespace('authority_yoyo') and relkind = 'r'
        and pg_has_role(relowner, 'usage')
    loop
        execute format('grant all on %s to %I', book, migrator);
    end loop;
    if pg_has_role(migrator, 'pg_database_owner', 'member') then
        return;
    end if;
    begin
        execute format('set local role %I', migrator);
        reset role;
    exception when insufficient_privilege then -- CREATEROLE alone is no membership
        is_lent := true;
        execute format('grant %I to %I', migrator, current_user);
    end;
    execute format('alter database %I owner to %I', current_database(), migrator);
    if is_lent then -- and may connect to what it owned
        execute format('set local role %I', migrator);
        execute format(
            'grant connect on database %I to %I', current_database(), session_user
        );
        reset role;
        execute format('revoke %I from %I', migrator, current_user);
    end if;
end
$$;

-- Refuses objects of other roles that the migrator would find.
\ir books/guard.sql

-- Restricts plain yoyo to the same schema, whatever schemas others create.
do $$
begin
    execute format(
        'alter role %I in database %I set search_path = authority_yoyo',
        current_setting('authority.migrator'),
        current_database()
    );
exception when insufficient_privilege then
    raise warning
        '% may not set the search_path of %: plain yoyo needs '
        '?schema=authority_yoyo in its URL',
        current_user, current_setting('authority.migrator');
end
$$;

commit;
