-- What a DBA does once for each database whose migrating login may not create roles,
-- before the first migration. Run by psql, twice if you like, as a superuser or as an
-- owner of the database with CREATEROLE:
--
--     psql -d authority -v migrator=auth_deploy -f schema/bootstrap.sql
--
-- `migrator` is the login that will run `yoyo apply` or `authority migrate`. It gets
-- no attribute and may create no roles: it becomes a member of authority_owner, which
-- may create schemas in this database and nothing else outside the authority's.

\set ON_ERROR_STOP on
\if :{?migrator}
\else
do $$ begin
    raise 'say who migrates: psql -v migrator=auth_deploy -f schema/bootstrap.sql';
end $$;
\endif

begin;
set local search_path = pg_catalog;
set local client_min_messages = warning; -- not what a second run finds done

-- The roles belong to the whole server: another database of it may have made them.
-- authority_owner owns the authority's objects, services are members of authority_app,
-- operators of authority_maintenance, reports of authority_reader. Nobody logs in as
-- them, and none of them is a superuser, bypasses row-level security or makes roles.
select format('create role %I nologin', wanted.name)
from
    unnest(array[
        'authority_owner', 'authority_app', 'authority_maintenance', 'authority_reader'
    ]) as wanted (name)
where to_regrole(wanted.name) is null
\gexec

-- Each migration does its work as authority_owner. The first one creates the schema
-- authority.
select format('grant authority_owner to %I', :'migrator')
\gexec
select format('grant create on database %I to authority_owner', current_database())
\gexec

-- yoyo keeps its books in a schema of their own: which migrations are applied, and who
-- holds the lock. Whoever runs this may have to be its owner for a moment.
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

-- Others may have put objects where the migrator would find them.
\ir books/guard.sql

-- Plain yoyo looks nowhere else either, whatever others put into its login's path.
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
