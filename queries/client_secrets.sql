-- name: add(tenant_id, client_uuid, secret_hash, description, valid_from, valid_until)^
-- The new secret, or no row when the tenant has no such confidential client. A
-- valid_from that is null means now.
-- @row ClientSecret
with given as (
    select authority.clock() as moment
)

insert into authority.client_secrets (
    tenant_id,
    client_uuid,
    secret_hash,
    description,
    valid_from,
    valid_until
)
select
    clients.tenant_id,
    clients.id,
    :secret_hash,
    :description,
    coalesce(:valid_from, given.moment) as valid_from,
    :valid_until
from authority.clients
cross join given
where
    clients.tenant_id = :tenant_id
    and clients.id = :client_uuid
    and clients.client_type = 'confidential'
returning
    client_secrets.tenant_id,
    client_secrets.id,
    client_secrets.client_uuid,
    client_secrets.secret_hash,
    client_secrets.description,
    client_secrets.valid_from,
    client_secrets.valid_until,
    client_secrets.last_used_at,
    client_secrets.created_at;

-- name: list_by_client(tenant_id, client_uuid)
-- One secret of the client, live or not, newest first.
-- @row ClientSecret
select
    client_secrets.tenant_id, client_secrets.id, client_secrets.client_uuid,
    client_secrets.secret_hash, client_secrets.description, client_secrets.valid_from,
    client_secrets.valid_until, client_secrets.last_used_at, client_secrets.created_at
from authority.client_secrets
where
    client_secrets.tenant_id = :tenant_id
    and client_secrets.client_uuid = :client_uuid
order by client_secrets.created_at desc, client_secrets.id asc;

-- name: list_live(tenant_id, client_id)
-- One secret that an enabled confidential client of an active tenant may authenticate
-- with now, newest first, found by the client_id of the protocol. A client that is
-- registered for another token_endpoint_auth_method has none.
-- @row ClientSecret
select
    client_secrets.tenant_id, client_secrets.id, client_secrets.client_uuid,
    client_secrets.secret_hash, client_secrets.description, client_secrets.valid_from,
    client_secrets.valid_until, client_secrets.last_used_at, client_secrets.created_at
from authority.client_secrets
inner join authority.clients
    on
        client_secrets.tenant_id = clients.tenant_id
        and client_secrets.client_uuid = clients.id
inner join authority.active_tenants on clients.tenant_id = active_tenants.id
where
    clients.tenant_id = :tenant_id
    and clients.client_id = :client_id
    and clients.client_type = 'confidential'
    and (
        clients.token_endpoint_auth_method is null
        or clients.token_endpoint_auth_method
        in ('client_secret_basic', 'client_secret_post')
    )
    and clients.enabled
    and client_secrets.valid_from <= authority.clock()
    and (
        client_secrets.valid_until is null
        or client_secrets.valid_until > authority.clock()
    )
order by client_secrets.created_at desc, client_secrets.id asc;

-- name: record_use(tenant_id, secret_id)!
-- Notes that the secret was accepted; at most one write a minute.
update authority.client_secrets
set last_used_at = authority.clock()
where
    client_secrets.tenant_id = :tenant_id
    and client_secrets.id = :secret_id
    and (
        client_secrets.last_used_at is null
        or client_secrets.last_used_at < authority.clock() - interval '1 minute'
    );

-- name: expire(tenant_id, secret_id, lifetime)^
-- The secret, refused once the lifetime is over (or sooner, if that was its
-- end already), or no row.
-- @row ClientSecret
-- @nullable valid_until
update authority.client_secrets
set
    valid_from = least(client_secrets.valid_from, authority.clock() + :lifetime),
    valid_until = least(client_secrets.valid_until, authority.clock() + :lifetime)
where
    client_secrets.tenant_id = :tenant_id
    and client_secrets.id = :secret_id
returning
    client_secrets.tenant_id, client_secrets.id, client_secrets.client_uuid,
    client_secrets.secret_hash, client_secrets.description, client_secrets.valid_from,
    client_secrets.valid_until, client_secrets.last_used_at, client_secrets.created_at;

-- name: delete(tenant_id, secret_id)!
-- Deletes the secret.
delete from authority.client_secrets
where
    client_secrets.tenant_id = :tenant_id
    and client_secrets.id = :secret_id;
