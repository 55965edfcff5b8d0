-- Creates the list of what belongs to a user, and the functions that erase a user.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '5s';
set local statement_timeout = '60s';
set local role authority_owner;

create or replace function authority.rows_of_users()
returns table (
    number bigint, name text, is_exported boolean, clears text, condition text
)
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
select listed.*
from (
    values
    -- The entry that erase_user publishes stays until its end.
    (
        1, 'revocations', true, null,
        'held.category = ''subject'' and held.target = any($3)
        and not (
            held.reason = ''user_erased''
            and held.expires_at is not null
            and held.expires_at > authority.clock()
        )'
    ),
    (
        2, 'revocations', true, null,
        'held.category = ''token'' and held.target in (
            select tokens.id::text from authority.tokens
            where tokens.tenant_id = $1 and tokens.user_id = $2
        )'
    ),
    (
        3, 'revocations', true, null,
        'held.category = ''authorization'' and held.target in (
            select authorizations.id::text from authority.authorizations
            where authorizations.tenant_id = $1 and authorizations.user_id = $2
        )'
    ),
    -- The tokens of others that the user acts with (RFC 8693) are dead already.
    (
        4, 'tokens', false, null,
        'held.actor is not null and jsonb_path_exists(
            held.actor,
            ''strict $.** ? (@.type() == "string" && @ == $names[*])'',
            jsonb_build_object(''names'', to_jsonb($3))
        )'
    ),
    (5, 'tokens', true, null, 'held.user_id = $2'),
    (
        6, 'tokens', false, null,
        'held.authorization_id in (
            select authorizations.id from authority.authorizations
            where authorizations.tenant_id = $1 and authorizations.user_id = $2
        )'
    ),
    (7, 'authorizations', true, null, 'held.user_id = $2'),
    (8, 'consents', true, null, 'held.user_id = $2'),
    (9, 'device_authorizations', true, null, 'held.user_id = $2'),
    (
        10, 'pushed_requests', false, null,
        'held.parameters ->> ''login_hint'' = any($3)'
    ),
    (11, 'user_roles', true, null, 'held.user_id = $2'),
    (12, 'user_roles', false, 'granted_by = null', 'held.granted_by = any($3)'),
    (
        13, 'license_seats', true,
        'holder = null, leased_until = null, updated_at = authority.clock()',
        'held.holder = any($3)'
    ),
    -- INVALID stands for all names that no user can have.
    (
        14, 'login_throttles', true, null,
        'held.username = any(array_remove($3, ''INVALID''))'
    ),
    (
        15, 'login_attempts', true, null,
        'held.user_id is null
        and held.username = any(array_remove($3, ''INVALID''))'
    ),
    (16, 'login_attempts', true, null, 'held.user_id = $2'),
    (17, 'users', true, null, 'held.id = $2')
) as listed (number, name, is_exported, clears, condition)
order by listed.number
$$;

comment on function authority.rows_of_users is
'The rows that concern one user, in the order of their erasure. Each condition is SQL
about the row held: $1 is the tenant, $2 users.id, $3 the names of the user. clears: the
row stays without these values. is_exported: the row is part of the user''s own data.';

create or replace function authority.names_of_user(
    tenant_id uuid, user_id uuid, other_names text []
)
returns text []
language sql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
select coalesce(array_agg(distinct named.name), '{}')
from (
    select users.subject_id::text as name
    from authority.users
    where
        users.tenant_id = names_of_user.tenant_id
        and users.id = names_of_user.user_id
    union all
    select unnest(
        array[users.username, users.username_key, users.email]
        || lower(users.email collate "C")
    )
    from authority.users
    where
        users.tenant_id = names_of_user.tenant_id
        and users.id = names_of_user.user_id
    union all
    select unnest(other_names || user_id::text)
) as named
where
    named.name <> ''
    -- An address or a former name can be the name of somebody else.
    and not exists (
        select from authority.users as others
        where
            others.tenant_id = names_of_user.tenant_id
            and others.id <> names_of_user.user_id
            and others.username_key = named.name
    )
$$;

comment on function authority.names_of_user is
'Returns what other rows may call the user: the id, the sub, the username, its key, the
e-mail address, and other_names. Omits the usernames of other users.';

create or replace function authority.find_traces(
    tenant_id uuid, user_id uuid, names text []
)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
    searched record;
    found_here jsonb;
    traces jsonb := '{}';
    -- As the names are written in JSON. Only an address or a long name is also found
    -- inside a longer text.
    needles constant text [] := array(
        select case
            when char_length(needle) >= 16 or strpos(needle, '@') > 0
                then substring(to_jsonb(needle)::text from '^"(.*)"$')
            else to_jsonb(needle)::text
        end
        from unnest(names) as needle
    );
begin
    for searched in
        select
            tables_of_tenants.name,
            tables_of_tenants.target
        from authority.tables_of_tenants()
    loop
        execute format(
            'select jsonb_object_agg(found.place, found.times) '
            'from ('
            'select %2$L || values.key as place, count(*) as times '
            'from %1$s as held, jsonb_each(to_jsonb(held)) as values '
            'where held.tenant_id = $1 and not (%3$s) and exists ('
            'select from unnest($3) as needle '
            'where strpos(values.value::text, needle) > 0) '
            'group by values.key) as found',
            searched.target,
            searched.name || '.',
            case searched.name
                when 'users' then 'held.id = $2'
                when 'revocations' then 'held.reason = ''user_erased'''
                else 'false'
            end
        ) into found_here using tenant_id, user_id, needles;
        traces := traces || coalesce(found_here, '{}');
    end loop;
    return traces;
end
$$;

comment on function authority.find_traces is
'Searches all columns of all rows of the tenant for the names of a user, except the
user''s own row and the entry of the feed that ends the user''s tokens. Returns an object
of table.column to the number of rows.';

create or replace function authority.end_sign_ins(
    tenant_id uuid, user_id uuid, feed_for interval
)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
    account authority.users;
    is_published boolean;
begin
    select users.* into account
    from authority.users
    where users.tenant_id = end_sign_ins.tenant_id and users.id = end_sign_ins.user_id
    for no key update;
    if account.id is null then
        return false;
    end if;
    is_published := feed_for = interval '0' or exists (
        select from authority.revocations
        where
            revocations.tenant_id = end_sign_ins.tenant_id
            and revocations.category = 'subject'
            and revocations.target = account.subject_id::text
            and revocations.reason = 'user_erased'
            and revocations.expires_at > authority.clock()
    );
    if account.status = 'suspended' and is_published then
        return false;
    end if;
    update authority.users
    set
        status = 'suspended',
        tokens_valid_after
        = greatest(users.tokens_valid_after, authority.clock()),
        updated_at = authority.clock(),
        row_version = users.row_version + 1
    where users.tenant_id = end_sign_ins.tenant_id and users.id = end_sign_ins.user_id;
    if not is_published then
        with next_sequence as (
            insert into authority.revocation_sequences (tenant_id, last_sequence)
            values (end_sign_ins.tenant_id, 1)
            on conflict on constraint revocation_sequences_tenant_id_pk do update
                set
                    last_sequence = revocation_sequences.last_sequence + 1,
                    updated_at = authority.clock()
            returning
                revocation_sequences.tenant_id,
                revocation_sequences.last_sequence,
                case
                    when pg_notification_queue_usage() < 0.5
                        then pg_notify(
                            'authority_revocations',
                            revocation_sequences.tenant_id::text
                        )
                end as hint
        )

        insert into authority.revocations
        (tenant_id, sequence, category, target, reason, expires_at)
        select
            next_sequence.tenant_id,
            next_sequence.last_sequence,
            'subject',
            account.subject_id::text,
            'user_erased',
            authority.clock() + feed_for
        from next_sequence;
    end if;
    return true;
end
$$;

comment on function authority.end_sign_ins is
'Suspends the user, and publishes an entry of the feed that ends the user''s tokens and
itself ends after feed_for; 0 publishes none. Returns false if both was done before, or
there is no such user.';

create or replace function authority.erase_user(
    tenant_id uuid,
    user_id uuid,
    other_names text [],
    feed_for interval,
    searches boolean,
    batch_size bigint,
    out table_name text,
    out erased bigint,
    out traces jsonb
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    is_locked boolean;
    names text [];
    erasable record;
begin
    if batch_size is null or batch_size < 1 then
        raise invalid_parameter_value using message = 'batch_size must be 1 or more';
    end if;
    if feed_for is null or feed_for < interval '0' then
        raise invalid_parameter_value using message = 'feed_for must be 0 or more';
    end if;
    perform set_config('authority.tenant_id', erase_user.tenant_id::text, true);
    erased := 0;
    if authority.end_sign_ins(erase_user.tenant_id, erase_user.user_id, feed_for) then
        table_name := 'users';
        perform set_config('authority.tenant_id', tenant_before, true);
        return;
    end if;
    names := authority.names_of_user(
        erase_user.tenant_id, erase_user.user_id, other_names
    );
    <<passes>>
    -- The first pass skips rows that others have locked, and the user's own row. When
    -- it finds no row, the second pass locks the user, so that no token can follow, and
    -- waits for locked rows.
    foreach is_locked in array array[false, true]
    loop
        if is_locked then
            perform from authority.users
            where
                users.tenant_id = erase_user.tenant_id
                and users.id = erase_user.user_id
            for update;
        end if;
        for erasable in
            select
                rows_of_users.name,
                rows_of_users.clears,
                rows_of_users.condition
            from authority.rows_of_users()
            where rows_of_users.name <> 'users' or is_locked
        loop
            table_name := erasable.name;
            if table_name = 'users' and searches then
                traces := authority.find_traces(
                    erase_user.tenant_id, erase_user.user_id, names
                );
            end if;
            erased := authority.erase_batch(
                format('authority.%I', erasable.name)::regclass,
                erasable.condition,
                erasable.clears,
                erase_user.tenant_id,
                erase_user.user_id,
                names,
                batch_size,
                is_locked
            );
            exit passes when erased > 0;
        end loop;
    end loop passes;
    table_name := case when erased > 0 then table_name end;
    perform set_config('authority.tenant_id', tenant_before, true);
end
$$;

comment on function authority.erase_user is
'Erases up to batch_size rows that concern the user in one table, and returns its name
and how many. The first call ends the sign-ins of the user and returns 0 rows of users.
The user''s own row is the last one, so that a later call can continue. Returns a null
name when nothing is left. traces, when it searches: where rows of others still name the
user. Runs as its owner, because operators may read and delete almost none of these
rows.';

create or replace function authority.find_user(tenant_id uuid, username_key text)
returns uuid
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    found_id uuid;
begin
    perform set_config('authority.tenant_id', find_user.tenant_id::text, true);
    select users.id into found_id
    from authority.users
    where
        users.tenant_id = find_user.tenant_id
        and users.username_key = find_user.username_key;
    perform set_config('authority.tenant_id', tenant_before, true);
    return found_id;
end
$$;

comment on function authority.find_user is
'Returns the id of the user whose username has this key, or null. Runs as its owner,
because operators, who erase a user, read no users. It reveals nothing but the id.';

revoke execute on function
authority.rows_of_users(),
authority.names_of_user(uuid, uuid, text []),
authority.find_traces(uuid, uuid, text []),
authority.end_sign_ins(uuid, uuid, interval),
authority.erase_user(uuid, uuid, text [], interval, boolean, bigint),
authority.find_user(uuid, text)
from public;
grant execute on function
authority.erase_user(uuid, uuid, text [], interval, boolean, bigint),
authority.find_user(uuid, text)
to authority_maintenance;
grant execute on function
authority.rows_of_users(),
authority.names_of_user(uuid, uuid, text []),
authority.find_user(uuid, text)
to authority_reader;
