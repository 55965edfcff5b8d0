-- Creates the functions that verify the chains of audit events.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0050_verify_audit_chains');

create or replace function authority.list_audit_months(tenant_id uuid)
returns setof date
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
begin
    perform set_config('authority.tenant_id', list_audit_months.tenant_id::text, true);
    return query
    with recursive months as (
        select date_trunc('month', min(audit_events.created_at))::date as month
        from authority.audit_events
        where
            audit_events.tenant_id = list_audit_months.tenant_id
            and audit_events.number is not null
        union all
        select (
            select date_trunc('month', min(audit_events.created_at))::date
            from authority.audit_events
            where
                audit_events.tenant_id = list_audit_months.tenant_id
                and audit_events.number is not null
                and audit_events.created_at >= months.month + interval '1 month'
        )
        from months
        where months.month is not null
    )

    select months.month from months
    where months.month is not null
    union
    select audit_chains.month from authority.audit_chains
    where audit_chains.tenant_id = list_audit_months.tenant_id
    order by 1;
    perform set_config('authority.tenant_id', tenant_before, true);
end
$$;

comment on function authority.list_audit_months(uuid) is
'Returns the months in which the tenant has a chain or sealed events, in their order.
Runs as its owner, because operators read no event.';

create or replace function authority.verify_audit_link(chain authority.audit_chains)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
select
    chain.previous_month is null
    -- The chain before was pruned.
    or not exists (
        select from authority.audit_chains
        where
            audit_chains.tenant_id = chain.tenant_id
            and audit_chains.month < chain.month
    )
    or exists (
        select from authority.audit_events
        where
            audit_events.tenant_id = chain.tenant_id
            and audit_events.created_at >= chain.previous_month
            and audit_events.created_at < chain.previous_month + interval '1 month'
            and audit_events.number = chain.previous_number
            and audit_events.seal = chain.previous_seal
    )
$$;

comment on function authority.verify_audit_link(authority.audit_chains) is
'Returns whether the chain follows the one that it names, or the first one that is
kept.';

create or replace function authority.verify_audit_events(
    tenant_id uuid,
    month date,
    after_number bigint,
    after_seal bytea,
    batch_size bigint,
    out last_number bigint,
    out last_seal bytea,
    out is_last boolean,
    out problem text
)
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
    chain authority.audit_chains;
    event authority.audit_events;
begin
    if batch_size is null or batch_size < 1 then
        raise invalid_parameter_value using message = 'batch_size must be 1 or more';
    end if;
    perform set_config(
        'authority.tenant_id', verify_audit_events.tenant_id::text, true
    );
    last_number := after_number;
    last_seal := after_seal;
    select audit_chains.* into chain
    from authority.audit_chains
    where
        audit_chains.tenant_id = verify_audit_events.tenant_id
        and audit_chains.month = verify_audit_events.month;
    if chain.tenant_id is null then
        problem := 'chain_missing';
    elsif after_number = 0 then
        last_seal := authority.first_seal_of_chain(chain);
        if not authority.verify_audit_link(chain) then
            problem := 'link_broken';
        end if;
    end if;
    if problem is null then
        -- A window of numbers, so that two events with one number are both in it.
        for event in
            select audit_events.*
            from authority.audit_events
            where
                audit_events.tenant_id = verify_audit_events.tenant_id
                and audit_events.created_at >= verify_audit_events.month
                and audit_events.created_at
                < verify_audit_events.month + interval '1 month'
                and audit_events.number > after_number
                and audit_events.number <= after_number + batch_size
            order by audit_events.number, audit_events.id
        loop
            problem := case
                when event.number <= last_number then 'event_inserted'
                when event.number > chain.last_number then 'event_inserted'
                when event.number > last_number + 1 then 'event_missing'
                when event.seal is distinct from authority.seal_of_event(
                    event, event.number, last_seal
                )
                    then 'event_changed'
            end;
            if problem is not null then
                last_number := least(event.number, last_number + 1);
                exit;
            end if;
            last_number := event.number;
            last_seal := event.seal;
        end loop;
    end if;
    is_last := problem is not null or last_number < after_number + batch_size;
    if problem is null and is_last then
        if last_number < chain.last_number then
            last_number := last_number + 1;
            problem := 'event_missing';
        elsif last_seal <> chain.last_seal then
            problem := 'chain_changed';
        elsif exists (
            select from authority.audit_events
            where
                audit_events.tenant_id = verify_audit_events.tenant_id
                and audit_events.created_at >= verify_audit_events.month
                and audit_events.created_at
                < verify_audit_events.month + interval '1 month'
                and audit_events.number not between 1 and chain.last_number
        ) then
            last_number := chain.last_number + 1;
            problem := 'event_inserted';
        end if;
    end if;
    perform set_config('authority.tenant_id', tenant_before, true);
end
$$;

comment on function authority.verify_audit_events is
'Verifies up to batch_size events of the chain after this number and seal, 0 and any
seal at the beginning. Returns the newest verified number and seal, and whether the
chain ends there; or the number of the first event that is missing, inserted or changed.
Runs as its owner, because operators read no event. It reveals none.';

revoke execute on function
authority.list_audit_months(uuid),
authority.verify_audit_link(authority.audit_chains),
authority.verify_audit_events(uuid, date, bigint, bytea, bigint)
from public;
grant execute on function
authority.list_audit_months(uuid),
authority.verify_audit_events(uuid, date, bigint, bytea, bigint)
to authority_maintenance, authority_reader;
