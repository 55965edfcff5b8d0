-- name: get(tenant_id, user_id, client_id)^
-- The consent of this user to this client that is in force, or no row.
-- @row Consent
select
    consents.tenant_id,
    consents.id,
    consents.user_id,
    consents.client_uuid,
    consents.scopes,
    consents.resources,
    consents.authorization_details,
    consents.properties,
    consents.revoked_at,
    consents.revocation_reason,
    consents.created_at,
    consents.updated_at,
    consents.row_version
from authority.consents
inner join authority.clients
    on
        clients.tenant_id = :tenant_id
        and consents.client_uuid = clients.id
where
    consents.tenant_id = :tenant_id
    and consents.user_id = :user_id
    and clients.client_id = :client_id
    and consents.revoked_at is null;

-- name: list_by_user(tenant_id, user_id, after, page_size)
-- One consent of the user, revoked or not, in order of id, starting after the given
-- id.
-- @row Consent
select
    consents.tenant_id, consents.id, consents.user_id, consents.client_uuid,
    consents.scopes, consents.resources, consents.authorization_details,
    consents.properties, consents.revoked_at, consents.revocation_reason,
    consents.created_at, consents.updated_at, consents.row_version
from authority.consents
where
    consents.tenant_id = :tenant_id
    and consents.user_id = :user_id
    and consents.id > :after
order by consents.id
limit :page_size;

-- name: grant(tenant_id, user_id, client_id, scopes, resources, authorization_details, properties)^
-- The consent that is now in force: a new one, or the existing one with these scopes,
-- resources and authorization details added (OpenID Connect Core section 3.1.2.4); or
-- no row when the tenant has no such client. A revoked consent stays revoked. The
-- statement locks the client and the user against deletion before it locks the consent,
-- because a deletion locks the consent last.
-- @row Consent
with granted_to as (
    select clients.id
    from authority.clients
    where
        clients.tenant_id = :tenant_id
        and clients.client_id = :client_id
    for key share
),

granted_by as (
    select users.id
    from granted_to
    inner join authority.users
        on
            users.tenant_id = :tenant_id
            and users.id = :user_id
    for key share of users
)

insert into authority.consents (
    tenant_id,
    user_id,
    client_uuid,
    scopes,
    resources,
    authorization_details,
    properties
)
select
    :tenant_id,
    :user_id,
    granted_to.id,
    :scopes,
    :resources,
    :authorization_details,
    :properties
from granted_to
left join granted_by on true
on conflict (tenant_id, user_id, client_uuid) where revoked_at is null do update
    set
        scopes = authority.merge_texts(consents.scopes, excluded.scopes),
        resources = authority.merge_texts(consents.resources, excluded.resources),
        authorization_details = authority.merge_details(
            consents.authorization_details, excluded.authorization_details
        ),
        properties = excluded.properties,
        updated_at = excluded.updated_at,
        row_version = consents.row_version + 1
returning
    consents.tenant_id, consents.id, consents.user_id, consents.client_uuid,
    consents.scopes, consents.resources, consents.authorization_details,
    consents.properties, consents.revoked_at, consents.revocation_reason,
    consents.created_at, consents.updated_at, consents.row_version;

-- name: narrow(tenant_id, user_id, client_id, scopes, resources, authorization_details)^
-- The consent that is in force, reduced to these of its scopes, resources and
-- authorization details, or no row when none is in force. Null keeps all. Tokens under
-- it that carry another one are dead while the consent lacks it.
-- @row Consent
update authority.consents
set
    scopes = array(
        select kept.name
        from unnest(consents.scopes) as kept (name)
        where :scopes::text[] is null or kept.name = any(:scopes)
        order by kept.name
    ),
    resources = array(
        select kept.uri
        from unnest(consents.resources) as kept (uri)
        where :resources::text[] is null or kept.uri = any(:resources)
        order by kept.uri
    ),
    authorization_details = (
        select coalesce(jsonb_agg(kept.detail order by kept.number), '[]')
        from
            jsonb_array_elements(consents.authorization_details)
            with ordinality as kept (detail, number)
        where
            :authorization_details::jsonb is null
            or authority.covers_details(
                :authorization_details, jsonb_build_array(kept.detail)
            )
    ),
    updated_at = authority.clock(),
    row_version = consents.row_version + 1
from authority.clients
where
    consents.tenant_id = :tenant_id
    and consents.user_id = :user_id
    and clients.tenant_id = :tenant_id
    and clients.id = consents.client_uuid
    and clients.client_id = :client_id
    and consents.revoked_at is null
returning
    consents.tenant_id, consents.id, consents.user_id, consents.client_uuid,
    consents.scopes, consents.resources, consents.authorization_details,
    consents.properties, consents.revoked_at, consents.revocation_reason,
    consents.created_at, consents.updated_at, consents.row_version;

-- name: revoke(tenant_id, user_id, client_id, reason)!
-- Revokes the consent that is in force, which ends every token under it, including
-- those that are being issued at this moment (RFC 6749 section 10.3). A second
-- call changes nothing.
update authority.consents
set
    revoked_at = authority.clock(),
    revocation_reason = :reason,
    updated_at = authority.clock(),
    row_version = consents.row_version + 1
from authority.clients
where
    consents.tenant_id = :tenant_id
    and consents.user_id = :user_id
    and clients.tenant_id = :tenant_id
    and clients.id = consents.client_uuid
    and clients.client_id = :client_id
    and consents.revoked_at is null;

-- name: prune_revoked(older_than, batch_size)!
-- Deletes consents of all tenants that were revoked longer ago than older_than,
-- with the authorizations under them, which have been dead for as long and stay
-- dead.
-- @plan cross_tenant -- The statement prunes for all tenants at once.
-- @plan seq_scan authority.consents -- The generic plan assumes that batch_size is a
--   tenth of the rows. With its value each row is looked up by primary key.
-- @role authority_maintenance
with doomed as (
    select
        candidates.tenant_id,
        candidates.id
    from authority.consents as candidates
    where candidates.revoked_at < authority.clock() - :older_than::interval
    order by candidates.revoked_at
    limit :batch_size
    for update skip locked
)

delete from authority.consents
using doomed
where
    consents.tenant_id = doomed.tenant_id
    and consents.id = doomed.id;
