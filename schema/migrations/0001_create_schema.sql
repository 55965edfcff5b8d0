-- Creates the roles, the schema that every table of the authority lives in, and what
-- keeps tenants apart in it.
--
-- Roles belong to the whole server. Where the migrating role may not create roles, a
-- DBA runs schema/bootstrap.sql first.
--
-- Locks: none on tables in use.

-- yoyo's books are in the first schema of the path that yoyo has come with. What
-- follows is looked up in pg_catalog alone.
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

-- As schema/books/guard.sql, which `authority migrate` runs before yoyo.
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
            or coalesce(
                -- Not by to_regrole, which remembers that there was no such role when
                -- another database's migration makes it meanwhile.
                pg_has_role(
                    pg_roles.oid,
                    (
                        select owners.oid from pg_roles as owners
                        where owners.rolname = 'authority_owner'
                    ),
                    'member'
                ),
                false
            )
    ),

    -- The owner of PostgreSQL's schema public is whoever owns the database.
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
                null; -- another database's migration was faster
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
                '%s is no member of authority_owner: '
                'have a DBA run schema/bootstrap.sql',
                current_user
            );
        end;
    end;
    if to_regnamespace('authority') is null then
        if not has_database_privilege(current_database(), 'create') then
            set local role authority_owner; -- which may, after schema/bootstrap.sql
        end if;
        create schema authority authorization authority_owner;
    end if;
end
$$;

set local role authority_owner;

comment on schema authority is
'Storage of a multi-tenant OAuth 2.0 / OpenID Connect authority.';

create or replace function authority.clock()
returns timestamptz
language sql
stable parallel safe
return statement_timestamp();

comment on function authority.clock is
'The time that everything here is judged and stamped by: when the statement began. Put
into the statements that call it, it costs nothing; only tests replace it.';

create or replace procedure authority.isolate_tenants(
    target regclass, tenant_column name default 'tenant_id'
)
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
    policy constant name := format(
        '%s_%s_policy',
        (select relname from pg_class where oid = target),
        tenant_column
    );
    -- A uuid in lower case, or else null. A subquery, so that PostgreSQL looks once a
    -- statement, not once a row; no function, which would cost as much as a small
    -- query.
    session_tenant constant text := $policy$(
        select case
            when current_setting('authority.tenant_id', true)
                like '________-____-____-____-____________'
            and translate(
                current_setting('authority.tenant_id', true), '0123456789abcdef', ''
            ) = '----'
                then current_setting('authority.tenant_id', true)::uuid
        end
    )$policy$;
begin
    execute format(
        'alter table %s enable row level security, force row level security', target
    );
    if not exists (
        select from pg_policy where polrelid = target and polname = policy
    ) then
        execute format(
            'create policy %1$I on %2$s using (%3$I = %4$s) with check (%3$I = %4$s)',
            policy, target, tenant_column, session_tenant
        );
    end if;
end
$$;

comment on procedure authority.isolate_tenants is
'Enables and forces row-level security on a table, with the one policy of tenants: a
row is seen and written only while the transaction works for its tenant, which the
setting authority.tenant_id names. Not set, empty or malformed, it lets no row
through.';

create or replace procedure authority.let_operators_prune(target regclass)
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
    subject constant name := (select relname from pg_class where oid = target);
    seen constant name := subject || '_maintenance_policy';
    locked constant name := subject || '_lock_policy';
begin
    execute format('drop policy if exists %I on %s', seen, target);
    execute format(
        'create policy %I on %s to authority_maintenance using (true)', seen, target
    );
    execute format('drop policy if exists %I on %s', locked, target);
    execute format(
        'create policy %I on %s as restrictive for update to authority_maintenance '
        'using (true) with check (false)',
        locked, target
    );
end
$$;

comment on procedure authority.let_operators_prune is
'Lets operators see and delete the rows of all tenants in a table. To lock what it
deletes, a role must be allowed to change a column: the second policy lets this one
lock, and write nothing.';

-- The bounds of stored values. Moments and durations have bounds too, written in
-- each table, where they cost nothing: a moment is from 1900 to before 9000, in UTC, a
-- duration up to 36,525 days, so that their sums can be read in every time zone.
create or replace function authority.is_text_list(
    texts text[], most bigint, longest bigint
)
returns boolean
language plpgsql
immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    each text;
begin
    if array_ndims(texts) > 1 or cardinality(texts) > most then
        return false;
    end if;
    foreach each in array coalesce(texts, '{}')
    loop
        if
            each is null
            or char_length(each) not between 1 and longest
            or cardinality(array_positions(texts, each)) > 1
        then
            return false;
        end if;
    end loop;
    return true;
end
$$;

comment on function authority.is_text_list(text[], bigint, bigint) is
'Whether the list has at most so many texts, each once and of 1 to so many characters.
Null passes.';

create or replace function authority.is_scope_list(scopes text[])
returns boolean
language plpgsql
immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    scope text;
begin
    if array_ndims(scopes) > 1 or cardinality(scopes) > 100 then
        return false;
    end if;
    foreach scope in array coalesce(scopes, '{}')
    loop
        if
            scope is null
            or char_length(scope) > 255
            or scope !~ '^[]!#-[^-~]+$' -- {1,255} is slow
            or cardinality(array_positions(scopes, scope)) > 1
        then
            return false;
        end if;
    end loop;
    return true;
end
$$;

comment on function authority.is_scope_list(text[]) is
'Whether the list has at most 100 scopes, each once, and each a scope-token (RFC 6749
section 3.3) of up to 255 characters. Null passes.';

create or replace function authority.is_bounded_json(value jsonb)
returns boolean
language plpgsql
immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    return octet_length(value::text) <= 65536
        and not jsonb_path_exists(value, 'strict $.**{32}');
end
$$;

comment on function authority.is_bounded_json(jsonb) is
'Whether a document has at most 65,536 octets as text and 32 levels, its values
included: every parser can read it.';

revoke execute on all routines in schema authority from public;
grant execute on function authority.clock()
to authority_app, authority_maintenance, authority_reader;
-- A check runs as the role that writes the row.
grant execute on function
authority.is_text_list(text[], bigint, bigint),
authority.is_scope_list(text[]),
authority.is_bounded_json(jsonb)
to authority_app, authority_maintenance;
grant usage on schema authority
to authority_app, authority_maintenance, authority_reader;
