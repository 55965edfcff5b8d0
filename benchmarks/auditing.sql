-- The chain that the store does not have: each change takes the next number of its
-- tenant's chain, and holds the chain's row until it commits. The trigger is created
-- either as deferred to the commit, or not.
create or replace function authority.chain_event()
returns trigger
language plpgsql
security definer
as $$
declare
    chain authority.audit_chains;
begin
    insert into authority.audit_chains (tenant_id, month, last_number, last_seal)
    values (new.tenant_id, date_trunc('month', new.created_at), 1, sha256(''))
    on conflict (tenant_id, month) do update
        set last_number = audit_chains.last_number + 1
    returning * into chain;
    update authority.audit_events
    set
        number = chain.last_number,
        seal = authority.seal_of_event(new, chain.last_number, chain.last_seal)
    where
        tenant_id = new.tenant_id and created_at = new.created_at and id = new.id;
    return null;
end
$$;
