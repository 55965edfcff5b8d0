-- Creates the functions that erase a user.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0057_erase_users');

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
    select users.* into account from authority.users
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
            and revocations.target = account.subject_id
            and revocations.reason = 'user_erased'
            and revocations.expires_at > authority.clock()
    );
    if account.status = 'suspended' and is_published then
        return false;
    end if;
    update authority.users
    set
        status = 'suspended',
        tokens_valid_after = greatest(users.tokens_valid_after, authority.clock()),
        updated_at = authority.clock(),
        row_version = users.row_version + 1
    where
        users.tenant_id = end_sign_ins.tenant_id
        and users.id = end_sign_ins.user_id;
    if not is_published then
        perform authority.append_revocations(
            end_sign_ins.tenant_id,
            'subject',
            array[account.subject_id],
            array[authority.clock() + feed_for],
            'user_erased',
            authority.clock()
        );
    end if;
    return true;
end
$$;

comment on function authority.end_sign_ins is
'Suspends the user, and publishes an entry of the feed that ends the user''s tokens and
itself ends after feed_for; 0 publishes none. Returns false if both was done before, or
there is no such user.';

create or replace function authority.redact_events_of_user(
    tenant_id uuid, user_id uuid
)
returns void
language sql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
update authority.audit_events as held
set
    target_digest = authority.digest_of_target(held),
    target_salt = null,
    target_id = null,
    user_id = null,
    changes = '{}'
where
    held.tenant_id = redact_events_of_user.tenant_id
    and held.user_id = redact_events_of_user.user_id
$$;

comment on function authority.redact_events_of_user(uuid, uuid) is
'Redacts what audit events say about the user, such as the deletion of the user''s own
row.';

create or replace function authority.erase_user(
    tenant_id uuid,
    user_id uuid,
    other_names text[],
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
    feed_before constant text := current_setting('authority.feed', true);
    is_locked boolean;
    names text[];
    erasable record;
begin
    if batch_size is null or batch_size < 1 then
        raise invalid_parameter_value using message = 'batch_size must be 1 or more';
    end if;
    if feed_for is null or feed_for < interval '0' then
        raise invalid_parameter_value using message = 'feed_for must be 0 or more';
    end if;
    perform set_config('authority.tenant_id', erase_user.tenant_id::text, true);
    perform set_config('authority.feed', 'off', true);
    erased := 0;
    if authority.end_sign_ins(erase_user.tenant_id, erase_user.user_id, feed_for) then
        table_name := 'users';
        perform set_config('authority.tenant_id', tenant_before, true);
        perform set_config('authority.feed', feed_before, true);
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
            order by rows_of_users.number
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
            if table_name = 'users' and erased > 0 then
                perform authority.redact_events_of_user(
                    erase_user.tenant_id, erase_user.user_id
                );
            end if;
            exit passes when erased > 0;
        end loop;
    end loop passes;
    table_name := case when erased > 0 then table_name end;
    perform set_config('authority.tenant_id', tenant_before, true);
    perform set_config('authority.feed', feed_before, true);
end
$$;

comment on function authority.erase_user is
'Erases up to batch_size rows that concern the user in one table, and returns its name
and how many. The first call ends the sign-ins of the user and returns 0 rows of users.
The user''s own row is the last one, so that a later call can continue. Returns a null
name when nothing is left. traces, when it searches: where rows of others still name the
user. Runs as its owner, because operators may read and delete almost none of these
rows.';

revoke execute on function
authority.end_sign_ins(uuid, uuid, interval),
authority.redact_events_of_user(uuid, uuid),
authority.erase_user(uuid, uuid, text[], interval, boolean, bigint)
from public;
grant execute on function
authority.erase_user(uuid, uuid, text[], interval, boolean, bigint)
to authority_maintenance;
