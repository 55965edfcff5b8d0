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

-- yoyo keeps its books in the first schema of the login's search_path: which migrations
-- are applied, and who holds the lock.
select format('grant usage, create on schema public to %I', :'migrator')
\gexec

commit;
