-- Makes units of work set their tenant on the workers, and delegates verification to
-- the tenant's node, where it reads the shards themselves. A superuser runs it on the
-- coordinator after 2_distribute.sql:
--
--     psql -d authority -v ON_ERROR_STOP=1 -f schema/distributed/3_delegate.sql

set search_path = pg_catalog;
set client_min_messages = warning;
set statement_timeout = '60s';

-- set_config reaches no worker. SET LOCAL does, before the next statement.
do $$
declare
    definition text := pg_get_functiondef(
        'authority.enter_tenant(uuid, text)'::regprocedure
    );
begin
    if definition not like '%citus.%' then
        definition := replace(
            definition,
            E'\nbegin\n',
            E'\nbegin\n'
            '    execute format(''set local authority.tenant_id = %L'', tenant_id);\n'
            '    set local citus.allow_nested_distributed_execution = on;\n'
        );
        execute definition;
    end if;
end
$$;

create or replace function authority.read_shards(tenant_id uuid)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    views constant regclass[] := array[
        'authority.active_tenants',
        'authority.token_states',
        'authority.live_tokens',
        'authority.verified_tokens'
    ]::regclass[];
    tables text;
    queries text;
    names text;
begin
    select
        string_agg(
            format(
                '%I as not materialized (select * from authority.%I)',
                pg_class.relname,
                pg_class.relname || '_' || case
                    when pg_dist_partition.partmethod = 'h'
                        then get_shard_id_for_distribution_column(
                            pg_class.oid, read_shards.tenant_id
                        )
                    else (
                        select pg_dist_shard.shardid
                        from pg_dist_shard
                        where pg_dist_shard.logicalrelid = pg_class.oid
                    )
                end
            ),
            ', '
        ),
        string_agg(pg_class.relname, '|')
    into tables, names
    from pg_dist_partition
    inner join pg_class on pg_dist_partition.logicalrelid = pg_class.oid
    where
        pg_class.relnamespace = 'authority'::regnamespace
        and exists (
            select from pg_depend
            inner join pg_rewrite on pg_depend.objid = pg_rewrite.oid
            where
                pg_depend.classid = 'pg_rewrite'::regclass
                and pg_depend.refclassid = 'pg_class'::regclass
                and pg_depend.refobjid = pg_class.oid
                and pg_rewrite.ev_class = any(views)
        );
    select
        string_agg(
            format(
                '%I as not materialized (%s)',
                pg_class.relname,
                rtrim(pg_get_viewdef(pg_class.oid), ';')
            ),
            ', ' order by listed.position
        ),
        names || '|' || string_agg(pg_class.relname, '|')
    into queries, names
    from unnest(views) with ordinality as listed (view, position)
    inner join pg_class on listed.view = pg_class.oid;
    return format(
        'with %s, %s',
        tables,
        regexp_replace(queries, format('\mauthority\.(%s)\M', names), '\1', 'g')
    );
end
$$;

comment on function authority.read_shards(uuid) is
'Returns the WITH clause in which the tables and views of a verification are those of
the shards of a tenant, on the node that has them.';

revoke execute on function authority.read_shards(uuid) from public;
grant execute on function authority.read_shards(uuid) to authority_app;

create or replace function authority.find_live_token(
    tenant_id uuid, token_hash bytea, type text, resource text
)
returns setof authority.verified_tokens
language plpgsql
rows 1
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
set plan_cache_mode = force_generic_plan
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    shard constant bigint
        := get_shard_id_for_distribution_column('authority.tokens', tenant_id);
    prepared constant text := 'authority_verify_' || shard;
    known constant text
        := coalesce(current_setting('authority.prepared', true), '');
    done text;
begin
    if to_regclass('authority.tokens_' || shard) is null then
        -- Inside a transaction of the coordinator, which delegates no function.
        execute format('set local authority.tenant_id = %L', tenant_id);
        set local citus.allow_nested_distributed_execution = on;
        set local plan_cache_mode = auto; -- Citus plans for values, not for parameters
        return query
        select verified_tokens.*
        from authority.verified_tokens
        where
            verified_tokens.tenant_id = find_live_token.tenant_id
            and verified_tokens.token_hash = find_live_token.token_hash
            and verified_tokens.type = find_live_token.type
            and (
                find_live_token.resource is null
                or find_live_token.resource = any(verified_tokens.resources)
            );
        execute format(
            'set local authority.tenant_id = %L', coalesce(tenant_before, '')
        );
        return;
    end if;
    done := set_config('authority.tenant_id', tenant_id::text, true);
    if position(prepared || ' ' in known) = 0 then
        -- Once for each session and shard. Citus would plan each call anew.
        if not exists (
            select from pg_prepared_statements
            where pg_prepared_statements.name = prepared
        ) then
            execute format(
                'prepare %I (uuid, bytea, text, text) as %s '
                'select verified_tokens.* from verified_tokens '
                'where tenant_id = $1 and token_hash = $2 and type = $3 '
                'and ($4 is null or $4 = any(resources))',
                prepared,
                authority.read_shards(tenant_id)
            );
        end if;
        done := set_config('authority.prepared', known || prepared || ' ', false);
    end if;
    return query execute format(
        'execute %I (%L, %L, %L, %L)', prepared, tenant_id, token_hash, type, resource
    );
    done := set_config('authority.tenant_id', tenant_before, true);
end
$$;

-- A strict function is not called for a token without a session. Each plans its own
-- statement for its values, which Citus requires.
alter function authority.is_session_in_force(uuid, uuid) strict;
alter function authority.is_session_in_force(uuid, uuid) set plan_cache_mode = auto;
alter function authority.find_sid(uuid, uuid) set plan_cache_mode = auto;
alter function authority.find_dependencies(uuid, uuid[]) set plan_cache_mode = auto;
alter function authority.are_tokens_alive(uuid, uuid[]) set plan_cache_mode = auto;

-- An inserting statement may not notify. Followers poll.
do $$
declare
    publish constant regprocedure := (
        select pg_proc.oid
        from pg_proc
        where
            pg_proc.pronamespace = 'authority'::regnamespace
            and pg_proc.proname = 'append_revocations'
    );
    definition text := pg_get_functiondef(publish);
    first constant integer := position(E',\n            case\n' in definition);
    last constant integer := position('end as hint' in definition);
begin
    if last > 0 then
        if not first between 1 and last then
            raise 'authority.append_revocations has another form than expected';
        end if;
        execute overlay(
            definition placing '' from first for last - first + length('end as hint')
        );
    end if;
end
$$;

-- Queries call these beside rows, on the node of the rows.
do $$
declare
    wanted regprocedure;
begin
    for wanted in
        select pg_proc.oid
        from pg_proc
        where
            pg_proc.pronamespace = 'authority'::regnamespace
            and pg_proc.proname in (
                'address_prefix',
                'address_site',
                'merge_details',
                'merge_texts',
                'sign_in_time',
                'totp_step',
                'without_loopback_port'
            )
        order by pg_proc.proname
    loop
        perform create_distributed_function(wanted);
    end loop;
end
$$;

-- The triggers of the feed run on the node of the changed row, and write there.
do $$
declare
    wanted regprocedure;
begin
    for wanted in
        select pg_proc.oid
        from pg_proc
        where
            pg_proc.pronamespace = 'authority'::regnamespace
            and pg_proc.proname in (
                'append_revocations',
                'await_families',
                'is_feed_on',
                'publish_consent',
                'publish_end',
                'publish_revocation'
            )
        order by pg_proc.proname
    loop
        perform create_distributed_function(wanted);
        execute format(
            'alter function %s set citus.allow_nested_distributed_execution = on',
            wanted
        );
    end loop;
end
$$;

do $$
declare
    delegated constant text[] := array[
        'authority.find_live_token(uuid,bytea,text,text)',
        'authority.find_live_session(uuid,bytea)'
    ];
    wanted text;
begin
    foreach wanted in array delegated loop
        perform create_distributed_function(
            wanted::regprocedure, 'tenant_id', colocate_with => 'authority.tokens'
        );
        execute format(
            'alter function %s set citus.allow_nested_distributed_execution = on',
            wanted
        );
    end loop;
end
$$;

-- In a transaction of its own: its commands wait for the functions' creation.
do $$
declare
    wanted record;
    refusal text;
begin
    -- Citus copies functions and views to workers without what was revoked from PUBLIC
    -- and without the grants of views.
    for wanted in
        select
            null as relation,
            'revoke execute on all routines in schema authority from public' as command
        union all
        select
            format('authority.%I', pg_class.relname) as relation,
            format(
                'grant select on authority.%I to %I',
                pg_class.relname, pg_get_userbyid(granted.grantee)
            ) as command
        from pg_class
        cross join lateral aclexplode(pg_class.relacl) as granted
        where
            pg_class.relnamespace = 'authority'::regnamespace
            and pg_class.relkind = 'v'
            and granted.privilege_type = 'SELECT'
            and granted.grantee <> pg_class.relowner
    loop
        select string_agg(nodes.result, '; ') into refusal
        from run_command_on_workers(format(
            'do $d$ begin '
            'perform set_config(''citus.enable_ddl_propagation'', ''off'', true); '
            'if %L is null or to_regclass(%L) is not null then %s; end if; end $d$',
            wanted.relation, wanted.relation, wanted.command
        )) as nodes
        where not nodes.success;
        if refusal is not null then
            raise 'a worker refuses %: %', wanted.command, refusal;
        end if;
    end loop;
end
$$;
