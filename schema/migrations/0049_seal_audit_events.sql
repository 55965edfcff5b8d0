-- Creates the functions that link audit events to chains, verify the chains, and redact
-- events.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0049_seal_audit_events');

create or replace function authority.digest_of_target(event authority.audit_events)
returns bytea
language sql
stable
return coalesce(
    event.target_digest,
    sha256(
        convert_to(
            jsonb_build_array(
                event.target_salt, event.target_id, event.user_id, event.changes
            )::text,
            'UTF8'
        )
    )
);

comment on function authority.digest_of_target(authority.audit_events) is
'Returns the digest of target_id, user_id and changes, redacted or not.';

create or replace function authority.digest_of_actor(event authority.audit_events)
returns bytea
language sql
stable
return coalesce(
    event.actor_digest,
    sha256(
        convert_to(
            jsonb_build_array(
                event.actor_salt,
                event.actor_id,
                event.client_id,
                host(event.address),
                event.user_agent,
                event.correlation_id
            )::text,
            'UTF8'
        )
    )
);

comment on function authority.digest_of_actor(authority.audit_events) is
'Returns the digest of actor_id, client_id, address, user_agent and correlation_id,
redacted or not.';

create or replace function authority.seal_of_event(
    event authority.audit_events, number bigint, previous_seal bytea
)
returns bytea
language sql
stable
return sha256(
    previous_seal
    || int8send(number)
    || authority.digest_of_target(event)
    || authority.digest_of_actor(event)
    || convert_to(
        jsonb_build_array(
            event.tenant_id,
            event.id,
            (extract(epoch from event.created_at) * 1000000)::bigint,
            event.action,
            event.is_change,
            event.target_kind,
            event.actor_kind,
            event.login
        )::text,
        'UTF8'
    )
);

comment on function authority.seal_of_event is
'Returns the SHA-256 of the previous seal, the number as 8 octets, the digests of target
and actor, and a JSON array of the other columns. created_at is in microseconds since
1970. Redacting the event does not change its seal.';

create or replace function authority.first_seal_of_chain(chain authority.audit_chains)
returns bytea
language sql
stable
return sha256(
    convert_to(
        jsonb_build_array(
            chain.tenant_id,
            to_char(chain.month, 'YYYY-MM-DD'),
            to_char(chain.previous_month, 'YYYY-MM-DD'),
            chain.previous_number,
            encode(chain.previous_seal, 'hex')
        )::text,
        'UTF8'
    )
);

comment on function authority.first_seal_of_chain(authority.audit_chains) is
'Returns what the first event of the chain follows: the SHA-256 of the tenant, the month
and the head of the chain before.';

create or replace function authority.open_audit_chain(
    tenant_id uuid, month date, out chain authority.audit_chains
)
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
begin
    if not exists (
        select from authority.audit_chains
        where
            audit_chains.tenant_id = open_audit_chain.tenant_id
            and audit_chains.month = open_audit_chain.month
    ) then
        chain.tenant_id := open_audit_chain.tenant_id;
        chain.month := open_audit_chain.month;
        select audit_chains.month, audit_chains.last_number, audit_chains.last_seal
        into chain.previous_month, chain.previous_number, chain.previous_seal
        from authority.audit_chains
        where
            audit_chains.tenant_id = open_audit_chain.tenant_id
            and audit_chains.month < open_audit_chain.month
            and audit_chains.last_number > 0
        order by audit_chains.month desc
        limit 1;
        insert into authority.audit_chains (
            tenant_id, month, last_seal,
            previous_month, previous_number, previous_seal
        )
        values (
            chain.tenant_id, chain.month, authority.first_seal_of_chain(chain),
            chain.previous_month, chain.previous_number, chain.previous_seal
        )
        on conflict on constraint audit_chains_tenant_id_month_pk do nothing;
    end if;
    -- Another run seals the rest of this month.
    select audit_chains.* into chain
    from authority.audit_chains
    where
        audit_chains.tenant_id = open_audit_chain.tenant_id
        and audit_chains.month = open_audit_chain.month
    for no key update skip locked;
end
$$;

comment on function authority.open_audit_chain is
'Returns the chain of the tenant and month, locked, and creates it if it is missing.
Returns nulls if another transaction has locked it. Waits for one that creates it.';

create or replace function authority.seal_audit_events(batch_size bigint)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    pending record;
    chain authority.audit_chains;
    event authority.audit_events;
    sealed bigint := 0;
begin
    if batch_size is null or batch_size < 1 then
        raise invalid_parameter_value using message = 'batch_size must be 1 or more';
    end if;
    for pending in
        select distinct
            oldest.tenant_id,
            date_trunc('month', oldest.created_at)::date as month
        from (
            select audit_events.tenant_id, audit_events.created_at
            from authority.audit_events
            where audit_events.number is null
            order by audit_events.created_at
            limit batch_size
        ) as oldest
        order by oldest.tenant_id, month
    loop
        exit when sealed >= batch_size;
        perform set_config('authority.tenant_id', pending.tenant_id::text, true);
        chain := authority.open_audit_chain(pending.tenant_id, pending.month);
        continue when chain.tenant_id is null;
        for event in
            select audit_events.*
            from authority.audit_events
            where
                audit_events.tenant_id = pending.tenant_id
                and audit_events.created_at >= pending.month
                and audit_events.created_at < pending.month + interval '1 month'
                and audit_events.number is null
            order by audit_events.created_at, audit_events.id
            limit batch_size - sealed
            for no key update skip locked
        loop
            chain.last_number := chain.last_number + 1;
            chain.last_seal := authority.seal_of_event(
                event, chain.last_number, chain.last_seal
            );
            update authority.audit_events
            set number = chain.last_number, seal = chain.last_seal
            where
                audit_events.tenant_id = event.tenant_id
                and audit_events.created_at = event.created_at
                and audit_events.id = event.id;
            sealed := sealed + 1;
        end loop;
        update authority.audit_chains
        set
            last_number = chain.last_number,
            last_seal = chain.last_seal,
            updated_at = authority.clock()
        where
            audit_chains.tenant_id = chain.tenant_id
            and audit_chains.month = chain.month;
    end loop;
    perform set_config('authority.tenant_id', tenant_before, true);
    return sealed;
end
$$;

comment on function authority.seal_audit_events(bigint) is
'Links up to batch_size committed events of all tenants to their chains, in the order of
their times, and returns how many. No writer waits for it. Runs as its owner, because no
other role may change an event.';

revoke execute on function
authority.digest_of_target(authority.audit_events),
authority.digest_of_actor(authority.audit_events),
authority.seal_of_event(authority.audit_events, bigint, bytea),
authority.first_seal_of_chain(authority.audit_chains),
authority.open_audit_chain(uuid, date),
authority.seal_audit_events(bigint)
from public;
grant execute on function authority.seal_audit_events(bigint) to authority_maintenance;
