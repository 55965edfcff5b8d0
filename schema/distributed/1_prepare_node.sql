-- Prepares one node of a Citus cluster: the roles, and the owner of the database. A
-- superuser runs it on every node, the coordinator included, after `create extension
-- citus`, before `authority migrate`:
--
--     psql -h NODE -d authority -v ON_ERROR_STOP=1 \
--         -f schema/distributed/1_prepare_node.sql
--
-- Citus connects to workers as the current role, so the group roles need LOGIN. They
-- have no password: pg_hba.conf admits them from the cluster's nodes only.

begin;
set local search_path = pg_catalog;

do $$
declare
    wanted name;
begin
    set local citus.enable_ddl_propagation = off;
    foreach wanted in array array[
        'authority_owner',
        'authority_app',
        'authority_maintenance',
        'authority_reader'
    ]
    loop
        if to_regrole(wanted) is null then
            execute format('create role %I', wanted);
        end if;
        execute format('alter role %I login', wanted);
        execute format(
            'grant connect on database %I to %I', current_database(), wanted
        );
    end loop;
    execute format('revoke connect on database %I from public', current_database());
    execute format('alter database %I owner to authority_owner', current_database());
    -- A unit of work sets its tenant by SET LOCAL: the workers set it too.
    execute format(
        'alter database %I set citus.propagate_set_commands = ''local''',
        current_database()
    );
    -- Citus overestimates intermediate results, and PostgreSQL then compiles statements
    -- for most of a second that take milliseconds.
    execute format('alter database %I set jit = off', current_database());
end
$$;

commit;
