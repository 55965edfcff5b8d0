-- name: create(tenant_id, purpose, user_id, email, token_hash, code_hash, max_attempts, properties, lifetime, resend_after)^
-- The outcome of creating a token for a user, or for an address without a user:
-- created, or the reason why not. A null email is the user's. A newer token of the same
-- purpose and recipient takes the place of the older one, which is dead.
--
-- - too_soon: an unused one was created less than resend_after ago.
-- - user_inactive: the user is unknown or suspended.
-- - no_email: the user has no address.
-- - email_changed: this is not the user's address. Only an email_verification and an
--   invitation of a user may go to another address.
-- - tenant_inactive: the tenant is not active.
--
-- The statement locks the user against deletion.
-- @row OneTimeTokenCreation
-- @when outcome = created -- token_id, email, expires_at
with recipient as (
    select
        users.id,
        users.status,
        users.email,
        users.email_key
    from authority.users
    where
        users.tenant_id = :tenant_id
        and users.id = :user_id
    for key share
),

judged as (
    select
        given.created_at,
        coalesce(given.email, recipient.email) as email,
        case
            when active_tenants.id is null then 'tenant_inactive'
            when
                :user_id::uuid is not null
                and (recipient.status in ('active', 'pending')) is not true
                then 'user_inactive'
            when coalesce(given.email, recipient.email) is null then 'no_email'
            when
                recipient.id is not null
                and :purpose::text in ('password_reset', 'sign_in')
                and lower(given.email collate "C") <> coalesce(recipient.email_key, '')
                then 'email_changed'
            else 'created'
        end as outcome
    from (values (:email::text, authority.clock())) as given (email, created_at)
    left join authority.active_tenants on active_tenants.id = :tenant_id
    left join recipient on true
),

created as (
    insert into authority.one_time_tokens (
        tenant_id,
        purpose,
        user_id,
        email,
        token_hash,
        code_hash,
        max_attempts,
        properties,
        expires_at,
        created_at
    )
    select
        :tenant_id,
        :purpose,
        :user_id,
        judged.email,
        :token_hash,
        :code_hash,
        :max_attempts,
        :properties,
        judged.created_at + :lifetime::interval as expires_at,
        judged.created_at
    from judged
    where judged.outcome = 'created'
    on conflict (tenant_id, purpose, recipient) do update
        set
            id = excluded.id,
            email = excluded.email,
            token_hash = excluded.token_hash,
            code_hash = excluded.code_hash,
            failed_attempts = 0,
            max_attempts = excluded.max_attempts,
            properties = excluded.properties,
            expires_at = excluded.expires_at,
            used_at = null,
            created_at = excluded.created_at
        where (
            one_time_tokens.used_at is not null
            or excluded.created_at
            >= one_time_tokens.created_at + :resend_after::interval
        )
    returning
        one_time_tokens.id,
        one_time_tokens.email,
        one_time_tokens.expires_at
)

select
    case
        when judged.outcome = 'created' and created.id is null then 'too_soon'
        else judged.outcome
    end as outcome,
    created.id as token_id,
    created.email,
    created.expires_at
from judged
left join created on true;

-- name: get_by_token(tenant_id, purpose, token_hash)^
-- The unused token of this link, or no row: what a page shows before the use. It does
-- not use the token, so that a program which follows links in mails does not either.
-- @row OneTimeToken
select
    one_time_tokens.tenant_id,
    one_time_tokens.id,
    one_time_tokens.purpose,
    one_time_tokens.user_id,
    one_time_tokens.email,
    one_time_tokens.recipient,
    one_time_tokens.failed_attempts,
    one_time_tokens.max_attempts,
    one_time_tokens.properties,
    one_time_tokens.expires_at,
    one_time_tokens.used_at,
    one_time_tokens.created_at
from authority.one_time_tokens
where
    one_time_tokens.tenant_id = :tenant_id
    and one_time_tokens.purpose = :purpose
    and one_time_tokens.token_hash = :token_hash
    and one_time_tokens.used_at is null
    and one_time_tokens.expires_at > authority.clock();

-- name: list_by_purpose(tenant_id, purpose, after, page_size)
-- One token of this purpose, such as an invitation, used, expired or neither, in order
-- of recipient.
-- @row OneTimeToken
-- @param after -- the last recipient of the page before, or None to begin
select
    one_time_tokens.tenant_id, one_time_tokens.id, one_time_tokens.purpose,
    one_time_tokens.user_id, one_time_tokens.email, one_time_tokens.recipient,
    one_time_tokens.failed_attempts, one_time_tokens.max_attempts,
    one_time_tokens.properties, one_time_tokens.expires_at, one_time_tokens.used_at,
    one_time_tokens.created_at
from authority.one_time_tokens
where
    one_time_tokens.tenant_id = :tenant_id
    and one_time_tokens.purpose = :purpose
    and one_time_tokens.recipient > :after
order by one_time_tokens.recipient
limit :page_size;

-- name: redeem(tenant_id, purpose, token_hash, user_id, email, code_hash, password_hash)^
-- The outcome of a use: redeemed, or invalid for every reason. A link is found by its
-- token_hash. Without one, the code is found by its recipient: the user_id, or for a
-- token without a user the email.
--
-- A token is dead when it was used, has expired or was replaced, its user is suspended
-- or its tenant is not active. A password_reset or sign_in is also dead when the
-- address is no longer the user's, and after the user was signed out everywhere. A
-- wrong code counts as a failed attempt; after max_attempts of them the code is dead.
--
-- With a password_hash the user has this password from now on, and is signed out
-- everywhere. An email_verification sets email_verified if the address is still the
-- user's. email_verified is the user's after the use.
--
-- The statement locks the user and then the token, and judges both after the waits: of
-- any number of uses at once one redeems, and wrong codes count one by one.
-- @row OneTimeTokenRedemption
-- @when outcome = redeemed -- token_id, email, properties
-- @param email nullable
-- @param code_hash nullable
with addressed as materialized (
    -- Row-level security keeps expressions with lower() out of index conditions.
    select
        case
            when :token_hash::bytea is null
                then coalesce(:user_id::uuid::text, lower(:email::text collate "C"))
        end as recipient
),

presented as (
    select
        one_time_tokens.id,
        one_time_tokens.user_id
    from authority.one_time_tokens
    where
        one_time_tokens.tenant_id = :tenant_id
        and one_time_tokens.purpose = :purpose
        and one_time_tokens.token_hash = :token_hash
    union all
    select
        one_time_tokens.id,
        one_time_tokens.user_id
    from addressed
    inner join authority.one_time_tokens
        on addressed.recipient = one_time_tokens.recipient
    where
        one_time_tokens.tenant_id = :tenant_id
        and one_time_tokens.purpose = :purpose
),

account as (
    select
        users.id,
        users.status,
        users.email_key,
        users.tokens_valid_after
    from presented
    inner join authority.users
        on
            users.tenant_id = :tenant_id
            and presented.user_id = users.id
    for no key update of users
),

held as (
    select
        one_time_tokens.id,
        one_time_tokens.purpose,
        one_time_tokens.user_id,
        one_time_tokens.email,
        one_time_tokens.properties,
        one_time_tokens.token_hash,
        one_time_tokens.code_hash,
        one_time_tokens.failed_attempts,
        one_time_tokens.max_attempts,
        one_time_tokens.expires_at,
        one_time_tokens.used_at,
        one_time_tokens.created_at
    from presented
    left join account on true
    inner join authority.one_time_tokens
        on
            one_time_tokens.tenant_id = :tenant_id
            and presented.id = one_time_tokens.id
    for no key update of one_time_tokens
),

live as (
    select
        held.id,
        held.purpose,
        held.user_id,
        held.email,
        held.properties,
        held.created_at,
        given.used_at,
        case
            when :token_hash::bytea is null then (held.code_hash = :code_hash) is true
            else held.token_hash = :token_hash
        end as is_right,
        (lower(held.email collate "C") = account.email_key) is true as is_of_user
    from (values (authority.clock())) as given (used_at)
    inner join held
        on
            held.used_at is null
            and given.used_at < held.expires_at
            and (
                :token_hash::bytea is not null
                or (
                    held.code_hash is not null
                    and held.failed_attempts < held.max_attempts
                )
            )
    left join account on true
),

judged as (
    select
        live.id,
        live.purpose,
        live.user_id,
        live.email,
        live.properties,
        live.used_at,
        live.is_right,
        live.is_of_user,
        case
            when live.is_right is not true or active_tenants.id is null then 'invalid'
            when
                live.user_id is not null
                and (account.status in ('active', 'pending')) is not true
                then 'invalid'
            when
                live.user_id is not null
                and live.purpose in ('password_reset', 'sign_in')
                and (
                    not live.is_of_user
                    or live.created_at <= account.tokens_valid_after
                )
                then 'invalid'
            else 'redeemed'
        end as outcome
    from (values (:tenant_id::uuid)) as given (tenant_id)
    left join authority.active_tenants on active_tenants.id = :tenant_id
    left join live on true
    left join account on true
),

used as (
    update authority.one_time_tokens
    set
        used_at = case when judged.outcome = 'redeemed' then judged.used_at end,
        failed_attempts = one_time_tokens.failed_attempts
        + case when judged.is_right then 0 else 1 end
    from judged
    where
        one_time_tokens.tenant_id = :tenant_id
        and one_time_tokens.id = judged.id
        and (judged.outcome = 'redeemed' or not judged.is_right)
),

changed as (
    update authority.users
    set
        password_hash = coalesce(:password_hash, users.password_hash),
        tokens_valid_after = case
            when :password_hash::text is null then users.tokens_valid_after
            else greatest(users.tokens_valid_after, judged.used_at)
        end,
        email_verified = users.email_verified
        or (judged.purpose = 'email_verification' and judged.is_of_user),
        updated_at = judged.used_at,
        row_version = users.row_version + 1
    from judged
    where
        users.tenant_id = :tenant_id
        and users.id = judged.user_id
        and judged.outcome = 'redeemed'
        and (:password_hash::text is not null or judged.purpose = 'email_verification')
    returning users.email_verified
)

select
    judged.outcome,
    case when judged.outcome = 'redeemed' then judged.id end as token_id,
    case when judged.outcome = 'redeemed' then judged.user_id end as user_id,
    case when judged.outcome = 'redeemed' then judged.email end as email,
    case when judged.outcome = 'redeemed' then judged.properties end as properties,
    changed.email_verified
from judged
left join changed on true;

-- name: cancel(tenant_id, token_id)!
-- Deletes the token, such as an invitation that is withdrawn.
delete from authority.one_time_tokens
where
    one_time_tokens.tenant_id = :tenant_id
    and one_time_tokens.id = :token_id;

-- name: prune_expired(older_than, batch_size)!
-- Deletes tokens of all tenants that expired longer ago than older_than, used or not.
-- @plan cross_tenant -- The statement prunes for all tenants at once.
-- @plan seq_scan authority.one_time_tokens -- The generic plan assumes that batch_size
--   is a tenth of the rows. With its value each row is looked up by primary key.
-- @role authority_maintenance
with doomed as (
    select
        candidates.tenant_id,
        candidates.id
    from authority.one_time_tokens as candidates
    where candidates.expires_at < authority.clock() - :older_than::interval
    order by candidates.expires_at
    limit :batch_size
    for update skip locked
)

delete from authority.one_time_tokens
using doomed
where
    one_time_tokens.tenant_id = doomed.tenant_id
    and one_time_tokens.id = doomed.id;
