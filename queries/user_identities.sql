-- name: link(tenant_id, user_id, issuer, subject, profile)^
-- The account at another provider, linked to the user with this profile, or no row when
-- another user of the tenant has it. Linking it to its user again stores the profile.
-- @row UserIdentity
insert into authority.user_identities (tenant_id, user_id, issuer, subject, profile)
values (:tenant_id, :user_id, :issuer, :subject, :profile)
on conflict (tenant_id, issuer, subject) do update
    set
        profile = excluded.profile,
        updated_at = excluded.updated_at
    where user_identities.user_id = excluded.user_id
returning
    user_identities.tenant_id,
    user_identities.issuer,
    user_identities.subject,
    user_identities.user_id,
    user_identities.profile,
    user_identities.last_used_at,
    user_identities.created_at,
    user_identities.updated_at;

-- name: list_by_user(tenant_id, user_id, after_issuer, after_subject, page_size)
-- One account at another provider that is linked to the user, in order of issuer and
-- subject, starting after the given account.
-- @row UserIdentity
select
    user_identities.tenant_id, user_identities.issuer, user_identities.subject,
    user_identities.user_id, user_identities.profile, user_identities.last_used_at,
    user_identities.created_at, user_identities.updated_at
from authority.user_identities
where
    user_identities.tenant_id = :tenant_id
    and user_identities.user_id = :user_id
    and (user_identities.issuer, user_identities.subject)
    > (:after_issuer, :after_subject)
order by user_identities.issuer, user_identities.subject
limit :page_size;

-- name: find(tenant_id, issuer, subject)^
-- The user to whom the account at another provider is linked, whatever the user's
-- status, or no row.
-- @row IdentifiedUser
select
    users.tenant_id,
    users.id as user_id,
    users.subject_id,
    users.username,
    users.email,
    users.email_verified,
    users.display_name,
    users.status,
    users.tokens_valid_after,
    user_identities.profile,
    user_identities.last_used_at
from authority.user_identities
inner join authority.users
    on
        users.tenant_id = :tenant_id
        and user_identities.user_id = users.id
where
    user_identities.tenant_id = :tenant_id
    and user_identities.issuer = :issuer
    and user_identities.subject = :subject;

-- name: sign_in(tenant_id, issuer, subject, profile)^
-- The active user to whom the account at another provider is linked, with the profile
-- that is stored now, or no row: the account is not linked, or the user or the tenant
-- is not active. A null profile keeps the stored one.
-- @row IdentifiedUser
-- @nullable last_used_at
with given as (
    select authority.clock() as moment
)

update authority.user_identities
set
    last_used_at = given.moment,
    profile = coalesce(:profile::jsonb, user_identities.profile),
    updated_at = case
        when :profile::jsonb is null then user_identities.updated_at
        else given.moment
    end
from given
cross join authority.users
inner join authority.active_tenants on users.tenant_id = active_tenants.id
where
    user_identities.tenant_id = :tenant_id
    and user_identities.issuer = :issuer
    and user_identities.subject = :subject
    and users.tenant_id = :tenant_id
    and users.id = user_identities.user_id
    and users.status = 'active'
returning
    users.tenant_id, users.id as user_id, users.subject_id, users.username, users.email,
    users.email_verified, users.display_name, users.status, users.tokens_valid_after,
    user_identities.profile, user_identities.last_used_at;

-- name: unlink(tenant_id, user_id, issuer, subject, is_last_allowed)^
-- The outcome of unlinking an account at another provider from its user.
--
-- - unlinked: the account signs nobody in any more.
-- - last_sign_in: the user has no password, no other account and no passkey that is a
--   factor of its own, and the caller does not allow that.
-- - not_linked: the account is not linked to this user.
--
-- The statement locks the user and what the user signs in with, and judges them after
-- the wait, so that two requests cannot remove the last two.
-- @row UserIdentityUnlinking
-- @param is_last_allowed -- unlink the last one too
with account as (
    select
        users.id,
        users.password_hash is not null as has_password
    from authority.users
    where
        users.tenant_id = :tenant_id
        and users.id = :user_id
    for no key update
),

linked as (
    select
        user_identities.issuer,
        user_identities.subject
    from account
    inner join authority.user_identities
        on
            user_identities.tenant_id = :tenant_id
            and account.id = user_identities.user_id
    order by user_identities.issuer, user_identities.subject
    for update of user_identities
),

passkeys as (
    select webauthn_credentials.id
    from account
    inner join authority.webauthn_credentials
        on
            webauthn_credentials.tenant_id = :tenant_id
            and account.id = webauthn_credentials.user_id
    where webauthn_credentials.uv_initialized
    for key share of webauthn_credentials
),

verdict as (
    select
        case
            when
                not exists (
                    select from linked
                    where linked.issuer = :issuer and linked.subject = :subject
                )
                then 'not_linked'
            when
                :is_last_allowed
                or account.has_password
                or (select count(*) from linked) > 1
                or exists (select from passkeys)
                then 'unlinked'
            else 'last_sign_in'
        end as outcome
    from (values (:tenant_id::uuid)) as given (tenant_id)
    left join account on true
),

unlinked as (
    delete from authority.user_identities
    using verdict
    where
        user_identities.tenant_id = :tenant_id
        and user_identities.issuer = :issuer
        and user_identities.subject = :subject
        and user_identities.user_id = :user_id
        and verdict.outcome = 'unlinked'
)

select verdict.outcome
from verdict;
