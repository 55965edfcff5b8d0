-- name: create(tenant_id, device_code_hash, user_code_hash, client_id, scopes, resources, authorization_details, cnf_jkt, properties, poll_interval, lifetime)^
-- The outcome of a device authorization request (RFC 8628 section 3.1): created,
-- or the reason why not. The statement locks the client against deletion and
-- checks it after the wait for that lock.
-- @row DeviceAuthorizationRequest
-- @when outcome = created -- device_authorization_id, poll_interval, expires_at
with asked_by as (
    select
        clients.tenant_id,
        clients.id,
        case
            when not clients.enabled then 'client_inactive'
            when clients.metadata_valid_until <= authority.clock()
                then 'client_metadata_expired'
            when
                'urn:ietf:params:oauth:grant-type:device_code'
                <> all(clients.grant_types)
                then 'grant_not_allowed'
        end as refusal
    from authority.clients
    where
        clients.tenant_id = :tenant_id
        and clients.client_id = :client_id
    for key share
),

device as (
    insert into authority.device_authorizations (
        tenant_id,
        device_code_hash,
        user_code_hash,
        client_uuid,
        scopes,
        resources,
        authorization_details,
        cnf_jkt,
        properties,
        poll_interval,
        expires_at
    )
    select
        asked_by.tenant_id,
        :device_code_hash,
        :user_code_hash,
        asked_by.id as client_uuid,
        :scopes,
        :resources,
        :authorization_details,
        :cnf_jkt,
        :properties,
        :poll_interval,
        authority.clock() + :lifetime as expires_at
    from asked_by
    inner join authority.active_tenants on active_tenants.id = :tenant_id
    where asked_by.refusal is null
    returning
        device_authorizations.id,
        device_authorizations.poll_interval,
        device_authorizations.expires_at
)

select
    case
        when active_tenants.id is null then 'tenant_inactive'
        when asked_by.id is null then 'client_inactive'
        when asked_by.refusal is not null then asked_by.refusal
        else 'created'
    end as outcome,
    device.id as device_authorization_id,
    device.poll_interval,
    device.expires_at
from (values (:tenant_id::uuid)) as given (tenant_id)
left join authority.active_tenants on active_tenants.id = :tenant_id
left join asked_by on true
left join device on true;

-- name: get_by_user_code(tenant_id, user_code_hash)^
-- The pending request with this user code, which the user is asked to approve (RFC
-- 8628 section 3.3), or no row: the code is unknown, expired or already decided,
-- or its client is disabled. Each call is a guess: reserve it first with
-- login_attempts.reserve (RFC 8628 section 5.1).
-- @row PendingDeviceAuthorization
select
    device_authorizations.tenant_id,
    device_authorizations.id,
    device_authorizations.client_uuid,
    clients.client_id,
    clients.display_name as client_display_name,
    device_authorizations.scopes,
    device_authorizations.resources,
    device_authorizations.authorization_details,
    device_authorizations.properties,
    device_authorizations.expires_at,
    device_authorizations.created_at
from authority.device_authorizations
inner join authority.clients
    on
        clients.tenant_id = :tenant_id
        and device_authorizations.client_uuid = clients.id
where
    device_authorizations.tenant_id = :tenant_id
    and device_authorizations.user_code_hash = :user_code_hash
    and device_authorizations.status = 'pending'
    and device_authorizations.expires_at > authority.clock()
    and clients.enabled;

-- name: approve(tenant_id, user_code_hash, user_id, scopes, resources, authorization_details, properties, authenticated_at, acr, amr, max_age, acr_values, requested_at, family_lifetime)^
-- The outcome of a user's approval (RFC 8628 section 3.3), and the authorization (the
-- family) of all tokens that the device code will be redeemed for: approved, or the
-- reason why not. Until the code expires, redemptions.redeem with the type device_code
-- redeems it. invalid: the code is unknown, expired or already decided.
--
-- The user's sign-in and consent must meet the rules of grants.issue_code. Null scopes,
-- resources or authorization details are the requested ones; others must be among
-- these, and an empty list of resources is an invalid_target if the device requested
-- any. With a null family_lifetime the family never expires. A null authenticated_at or
-- requested_at means now.
--
-- The statement locks the request and judges it after the wait: of any number of
-- decisions one takes effect. Before that it locks the client and the user against
-- deletion, in the order of a deletion, and checks them after the wait. The family's
-- foreign keys would lock them after the request.
-- @row DeviceApproval
-- @when outcome = approved -- token_id, authorization_id, scopes, expires_at
-- @param user_id notnull
-- @param max_age nullable
-- @param family_lifetime nullable
with given as (
    select
        :tenant_id::uuid as tenant_id,
        authority.clock() as moment,
        authority.sign_in_time(:authenticated_at) as authenticated_at
),

presented as (
    select
        device_authorizations.id,
        device_authorizations.client_uuid
    from authority.device_authorizations
    where
        device_authorizations.tenant_id = :tenant_id
        and device_authorizations.user_code_hash = :user_code_hash
),

asked_by as (
    select
        clients.id,
        clients.enabled,
        clients.consent_type
    from presented
    inner join authority.clients
        on
            clients.tenant_id = :tenant_id
            and presented.client_uuid = clients.id
    for key share of clients
),

decided_by as (
    select
        users.status,
        users.tokens_valid_after
    from authority.users
    where
        users.tenant_id = :tenant_id
        and users.id = :user_id
    for key share
),

device as (
    select
        device_authorizations.id,
        device_authorizations.device_code_hash,
        device_authorizations.client_uuid,
        device_authorizations.scopes,
        device_authorizations.resources,
        device_authorizations.authorization_details,
        device_authorizations.cnf_jkt,
        device_authorizations.status,
        device_authorizations.properties,
        device_authorizations.expires_at
    from presented
    inner join asked_by on presented.client_uuid = asked_by.id
    left join decided_by on true
    inner join authority.device_authorizations
        on
            device_authorizations.tenant_id = :tenant_id
            and presented.id = device_authorizations.id
    for no key update of device_authorizations
),

wanted as (
    select
        device.id,
        coalesce(:scopes::text[], device.scopes) as scopes,
        coalesce(:resources::text[], device.resources) as resources,
        coalesce(:authorization_details::jsonb, device.authorization_details)
            as authorization_details
    from device
),

asked as (
    select
        device.id,
        device.device_code_hash,
        device.client_uuid,
        device.cnf_jkt,
        device.properties,
        device.expires_at,
        consents.id as consent_id,
        wanted.scopes,
        wanted.resources,
        wanted.authorization_details,
        case
            when active_tenants.id is null then 'tenant_inactive'
            when
                device.id is null
                or device.status <> 'pending'
                or device.expires_at <= given.moment
                then 'invalid'
            when asked_by.enabled is not true then 'client_inactive'
            when (decided_by.status is distinct from 'active') then 'user_inactive'
            when
                given.authenticated_at
                <= greatest(
                    active_tenants.tokens_valid_after, decided_by.tokens_valid_after
                )
                or coalesce(:authenticated_at, given.moment) + :max_age::interval
                < coalesce(:requested_at, given.moment)
                then 'login_required'
            when
                :acr_values::text[] is not null
                and (:acr::text = any(:acr_values)) is not true
                then 'unmet_authentication_requirements'
            when not :scopes::text[] <@ device.scopes then 'invalid_scope'
            when
                not :resources::text[] <@ device.resources
                or (:resources = '{}' and device.resources <> '{}')
                then 'invalid_target'
            when
                not authority.covers_details(
                    device.authorization_details, :authorization_details::jsonb
                )
                then 'invalid_authorization_details'
            when asked_by.consent_type <> 'implicit' and consents.id is null
                then 'consent_required'
            else 'approved'
        end as outcome
    from given
    left join authority.active_tenants on active_tenants.id = :tenant_id
    left join device on true
    left join wanted on true
    left join asked_by on true
    left join decided_by on true
    left join authority.consents
        on
            consents.tenant_id = :tenant_id
            and consents.user_id = :user_id
            and asked_by.id = consents.client_uuid
            and consents.revoked_at is null
            and wanted.scopes <@ consents.scopes
            and wanted.resources <@ consents.resources
            and authority.covers_details(
                consents.authorization_details, wanted.authorization_details
            )
),

decided as (
    update authority.device_authorizations
    set
        status = 'approved',
        user_id = :user_id,
        updated_at = authority.clock()
    from asked
    where
        device_authorizations.tenant_id = :tenant_id
        and device_authorizations.id = asked.id
        and asked.outcome = 'approved'
),

family as (
    insert into authority.authorizations (
        tenant_id,
        client_uuid,
        user_id,
        consent_id,
        scopes,
        resources,
        authorization_details,
        acr,
        amr,
        expires_at,
        tokens_expire_at
    )
    select
        :tenant_id,
        asked.client_uuid,
        :user_id,
        asked.consent_id,
        asked.scopes,
        asked.resources,
        asked.authorization_details,
        :acr,
        :amr,
        given.moment + :family_lifetime as expires_at,
        asked.expires_at as tokens_expire_at
    from asked
    cross join given
    where asked.outcome = 'approved'
    returning
        authorizations.id,
        authorizations.expires_at
),

code as (
    insert into authority.tokens (
        tenant_id,
        type,
        token_hash,
        client_uuid,
        user_id,
        authorization_id,
        scopes,
        resources,
        authorization_details,
        cnf_jkt,
        properties,
        authenticated_at,
        expires_at
    )
    select
        :tenant_id,
        'device_code' as type,
        asked.device_code_hash,
        asked.client_uuid,
        :user_id,
        family.id,
        asked.scopes,
        asked.resources,
        asked.authorization_details,
        asked.cnf_jkt,
        asked.properties || :properties::jsonb as properties,
        given.authenticated_at,
        least(asked.expires_at, family.expires_at) as expires_at
    from asked
    cross join family
    cross join given
    returning
        tokens.id,
        tokens.authorization_id,
        tokens.scopes,
        tokens.expires_at
)

select
    asked.outcome,
    code.id as token_id,
    code.authorization_id,
    code.scopes,
    code.expires_at
from asked
left join code on true;

-- name: deny(tenant_id, user_code_hash, user_id)!
-- Denies the request for good (RFC 8628 section 3.3). Changes nothing when the
-- code is unknown, expired or already decided.
-- @param user_id notnull
update authority.device_authorizations
set
    status = 'denied',
    user_id = :user_id,
    updated_at = authority.clock()
where
    device_authorizations.tenant_id = :tenant_id
    and device_authorizations.user_code_hash = :user_code_hash
    and device_authorizations.status = 'pending'
    and device_authorizations.expires_at > authority.clock();

-- name: poll(tenant_id, device_code_hash, client_id, cnf_jkt)^
-- The answer to a device that polls (RFC 8628 section 3.5), and the interval that
-- it must keep from now on.
--
-- - authorization_pending: the user has not decided.
-- - slow_down: the user has not decided, and the device polls too early. The interval
--   grows by 5 seconds for this and all later polls, and starts again.
-- - access_denied: the user refused.
-- - approved: the user approved, and the device can redeem the code. A redeemed code
--   stays approved after it has expired, because redeeming it again distinguishes a
--   retry from reuse.
-- - expired_token: the user did not decide in time, or the device did not redeem the
--   code in time.
-- - invalid: the code is unknown, belongs to another or a disabled client, or is bound
--   to another key. The device cannot tell which.
--
-- A decision is returned even if the poll is too early. The statement locks the row
-- and checks it after the wait, so of several polls within one interval one returns
-- authorization_pending.
-- @row DevicePoll
-- @when outcome = authorization_pending, slow_down -- poll_interval
-- @param cnf_jkt nullable
with given as (
    select
        :tenant_id::uuid as tenant_id,
        authority.clock() as moment
),

device as (
    select
        device_authorizations.id,
        device_authorizations.client_uuid,
        device_authorizations.device_code_hash,
        device_authorizations.cnf_jkt,
        device_authorizations.status,
        device_authorizations.poll_interval,
        device_authorizations.next_poll_at,
        device_authorizations.expires_at
    from authority.device_authorizations
    where
        device_authorizations.tenant_id = :tenant_id
        and device_authorizations.device_code_hash = :device_code_hash
    for no key update
),

verdict as (
    select
        device.id,
        case
            when device.status = 'denied' then 'access_denied'
            when device.status = 'approved' and codes.redeemed_at is not null
                then 'approved'
            when device.expires_at <= given.moment then 'expired_token'
            when device.status = 'approved' then 'approved'
            when device.next_poll_at > given.moment then 'slow_down'
            else 'authorization_pending'
        end as outcome,
        device.poll_interval + case
            when
                device.status = 'pending'
                and device.expires_at > given.moment
                and device.next_poll_at > given.moment
                then interval '5 seconds'
            else interval '0'
        end as poll_interval
    from device
    cross join given
    inner join authority.clients
        on
            clients.tenant_id = :tenant_id
            and device.client_uuid = clients.id
    left join authority.tokens as codes
        on
            codes.tenant_id = :tenant_id
            and device.device_code_hash = codes.token_hash
            and codes.type = 'device_code'
    where
        clients.client_id = :client_id
        and clients.enabled
        and (device.cnf_jkt is null or device.cnf_jkt = :cnf_jkt)
),

paced as (
    update authority.device_authorizations
    set
        poll_interval = verdict.poll_interval,
        next_poll_at = greatest(
            device_authorizations.next_poll_at,
            given.moment + verdict.poll_interval
        ),
        updated_at = given.moment
    from verdict
    cross join given
    where
        device_authorizations.tenant_id = :tenant_id
        and device_authorizations.id = verdict.id
        and verdict.outcome in ('authorization_pending', 'slow_down')
)

select
    coalesce(verdict.outcome, 'invalid') as outcome,
    verdict.poll_interval
from given
left join verdict on true;

-- name: prune_expired(older_than, batch_size)!
-- Deletes requests of all tenants that expired longer ago than older_than. Their
-- authorizations and codes stay.
-- @plan cross_tenant -- The statement prunes for all tenants at once.
-- @plan seq_scan authority.device_authorizations -- The generic plan assumes that
--   batch_size is a tenth of the rows. With its value each row is looked up by primary
--   key.
-- @role authority_maintenance
with doomed as (
    select
        candidates.tenant_id,
        candidates.id
    from authority.device_authorizations as candidates
    where candidates.expires_at < authority.clock() - :older_than::interval
    order by candidates.expires_at
    limit :batch_size
    for update skip locked
)

delete from authority.device_authorizations
using doomed
where
    device_authorizations.tenant_id = doomed.tenant_id
    and device_authorizations.id = doomed.id;
