-- name: import_tokens(tenant_id, rows)^
-- How many tokens of another store were created, and whether the tenant is active; if
-- not, none is. A token whose hash is there already is skipped. As tokens.create, but
-- with the times of the other store: a null created_at or one in the future means now,
-- a null authenticated_at means created_at. rows is a JSON array of objects.
-- @row ImportedTokens
with given as materialized (
    select
        rows.type,
        rows.token_hash,
        rows.client_uuid,
        rows.user_id,
        rows.service_account_id,
        rows.authorization_id,
        rows.scopes,
        rows.resources,
        rows.authorization_details,
        rows.cnf_jkt,
        rows.cnf_x5t_s256,
        rows.payload,
        rows.properties,
        rows.authenticated_at,
        rows.expires_at,
        least(rows.created_at, authority.clock()) as created_at
    from json_to_recordset((:rows::text)::json) as rows (
        type text,
        token_hash bytea,
        client_uuid uuid,
        user_id uuid,
        service_account_id uuid,
        authorization_id uuid,
        scopes text[],
        resources text[],
        authorization_details jsonb,
        cnf_jkt text,
        cnf_x5t_s256 text,
        payload bytea,
        properties jsonb,
        authenticated_at timestamptz,
        expires_at timestamptz,
        created_at timestamptz
    )
),

active as (
    select active_tenants.id
    from authority.active_tenants
    where active_tenants.id = :tenant_id
),

families as (
    select
        authorizations.id,
        authorizations.expires_at
    from authority.authorizations
    where
        authorizations.tenant_id = :tenant_id
        and authorizations.id = any(
            array(
                select given.authorization_id
                from given
            )
        )
),

kept as (
    update authority.authorizations
    set
        tokens_expire_at = least(latest.expires_at, authorizations.expires_at)
    from (
        select
            given.authorization_id,
            max(given.expires_at) as expires_at
        from given
        group by given.authorization_id
    ) as latest
    where
        authorizations.tenant_id = :tenant_id
        and authorizations.id = any(
            array(
                select given.authorization_id
                from given
            )
        )
        and authorizations.id = latest.authorization_id
        and authorizations.tokens_expire_at
        < least(latest.expires_at, authorizations.expires_at)
),

created as (
    insert into authority.tokens (
        tenant_id,
        type,
        token_hash,
        client_uuid,
        user_id,
        service_account_id,
        authorization_id,
        scopes,
        resources,
        authorization_details,
        cnf_jkt,
        cnf_x5t_s256,
        payload,
        properties,
        authenticated_at,
        expires_at,
        created_at
    )
    select
        active.id,
        given.type,
        given.token_hash,
        given.client_uuid,
        given.user_id,
        given.service_account_id,
        given.authorization_id,
        given.scopes,
        given.resources,
        given.authorization_details,
        given.cnf_jkt,
        given.cnf_x5t_s256,
        given.payload,
        given.properties,
        coalesce(given.authenticated_at, given.created_at) as authenticated_at,
        least(given.expires_at, families.expires_at) as expires_at,
        given.created_at
    from active
    cross join given
    left join families on given.authorization_id = families.id
    on conflict (tenant_id, token_hash) do nothing
    returning 1 as created
)

select
    count(*) as created,
    exists(select from active) as is_active
from created;

-- name: import_users(tenant_id, rows)^
-- How many users of another system were created, and whether a subject_id is that of a
-- client or a service account (RFC 9068 section 5); then no user is. A user whose
-- subject_id is there already is skipped. A null created_at or one in the future means
-- now. rows is a JSON array of objects.
-- @row ImportedUsers
with given as materialized (
    select
        rows.subject_id,
        rows.username,
        rows.username_key,
        rows.email,
        rows.email_verified,
        rows.display_name,
        rows.password_hash,
        rows.status,
        rows.attributes,
        least(rows.created_at, authority.clock()) as created_at
    from json_to_recordset((:rows::text)::json) as rows (
        subject_id text,
        username text,
        username_key text,
        email text,
        email_verified boolean,
        display_name text,
        password_hash text,
        status text,
        attributes jsonb,
        created_at timestamptz
    )
),

shared as (
    select
        exists (
            select from authority.clients
            where
                clients.tenant_id = :tenant_id
                and clients.client_id = any(
                    array(
                        select given.subject_id
                        from given
                    )
                )
        )
        or exists (
            select from authority.service_accounts
            where
                service_accounts.tenant_id = :tenant_id
                and service_accounts.account_id = any(
                    array(
                        select given.subject_id
                        from given
                    )
                )
        ) as is_shared
),

created as (
    insert into authority.users (
        tenant_id,
        subject_id,
        username,
        username_key,
        email,
        email_verified,
        display_name,
        password_hash,
        status,
        attributes,
        created_at
    )
    select
        :tenant_id,
        given.subject_id,
        given.username,
        given.username_key,
        given.email,
        given.email_verified,
        given.display_name,
        given.password_hash,
        given.status,
        given.attributes,
        given.created_at
    from given
    cross join shared
    where not shared.is_shared
    on conflict (tenant_id, subject_id) do nothing
    returning 1 as created
)

select
    (
        select count(*)
        from created
    ) as created,
    shared.is_shared
from shared;
