-- Creates the roles and the schema of yoyo's books. A DBA runs it once for each
-- database whose migrating login may not create roles, before the first migration. Run
-- it with psql as a superuser, or as an owner of the database with CREATEROLE. A second
-- run changes nothing:
--
--     psql -d authority -v migrator=auth_deploy -f schema/bootstrap.sql
--
-- `migrator` is the login that will run `yoyo apply` or `authority migrate`. It gets no
-- attribute and cannot create roles. It becomes a member of authority_owner, which can
-- create schemas in this database and has no other privilege outside the authority's
-- schemas.

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
-- authority_owner owns the authority's objects. Services are members of authority_app,
-- operators of authority_maintenance, and reports of authority_reader. None of the
-- roles can log in, is a superuser, bypasses row-level security or creates roles.
select format('create role %I nologin', wanted.name)
from
    unnest(array[
        'authority_owner', 'authority_app', 'authority_maintenance', 'authority_reader'
    ]) as wanted (name)
where to_regrole(wanted.name) is null
\gexec

-- Migrations work as authority_owner. The first one creates the schema authority.
select format('grant authority_owner to %I', :'migrator')
\gexec
select format('grant create on database %I to authority_owner', current_database())
\gexec

-- yoyo's books have their own schema: they record which migrations are applied and who
-- holds the lock. The role that runs this script may need to be a member of
-- authority_owner for a moment.
select
    set_config('authority.books', 'authority_yoyo', true) as books,
    set_config('authority.migrator', :'migrator', true) as migrator
\gset
do $$
declare
    migrator constant name := current_setting('authority.migrator');
    is_owner constant boolean := pg_has_role('authority_owner', 'usage');
    book regclass;
begin
    if not is_owner then
        execute format('grant authority_owner to %I', current_user);
    end if;
    create schema if not exists authority_yoyo authorization authority_owner;
    execute format('grant usage, create on schema authority_yoyo to %I', migrator);
    for book in
        select oid from pg_class
        where relnamespace = to_regnamespace('authority_yoyo') and relkind = 'r'
        and pg_has_role(relowner, 'usage')
    loop
        execute format('grant all on %s to %I', book, migrator);
    end loop;
    if not is_owner then
        execute format('revoke authority_owner from %I', current_user);
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
