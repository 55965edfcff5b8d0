-- Creates the function that looks up a live token for resource servers.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0024_find_live_token');

-- The function applies the rules of authority.token_states, and looks up by key only
-- the rows that the token names. The view joins seven tables, which takes twice the
-- time: PostgreSQL prepares each of them for every call. Tests compare both results.
create or replace function authority.find_live_token(
    tenant_id uuid, token_hash bytea, type text, resource text
)
returns setof authority.verified_tokens
language plpgsql
stable
rows 1
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    tenant_now constant text
        := set_config('authority.tenant_id', tenant_id::text, true);
    tenant_after text;
    verified authority.verified_tokens;
    is_exchanged boolean;
    client_epoch timestamptz;
    family_consent uuid;
    family_session uuid;
begin
    <<judgement>>
    begin
        select
            tokens.tenant_id,
            tokens.id,
            tokens.type,
            tokens.token_hash,
            tokens.is_foreign,
            clients.client_id,
            tokens.authorization_id,
            tokens.user_id,
            tokens.service_account_id,
            tokens.actor,
            tokens.scopes,
            tokens.resources,
            tokens.authorization_details,
            tokens.cnf_jkt,
            tokens.cnf_x5t_s256,
            tokens.payload,
            tokens.properties,
            tokens.authenticated_at,
            tokens.created_at,
            case
                when tokens.is_foreign
                    then least(tokens.expires_at, active_tenants.foreign_tokens_until)
                else tokens.expires_at
            end,
            tokens.exchanged_from is not null,
            clients.tokens_valid_after
        into
            verified.tenant_id,
            verified.id,
            verified.type,
            verified.token_hash,
            verified.is_foreign,
            verified.client_id,
            verified.authorization_id,
            verified.user_id,
            verified.service_account_id,
            verified.actor,
            verified.scopes,
            verified.resources,
            verified.authorization_details,
            verified.cnf_jkt,
            verified.cnf_x5t_s256,
            verified.payload,
            verified.properties,
            verified.authenticated_at,
            verified.created_at,
            verified.expires_at,
            is_exchanged,
            client_epoch
        from authority.tokens
        inner join authority.active_tenants on tokens.tenant_id = active_tenants.id
        inner join authority.clients
            on
                tokens.tenant_id = clients.tenant_id
                and tokens.client_uuid = clients.id
        where
            tokens.tenant_id = find_live_token.tenant_id
            and tokens.token_hash = find_live_token.token_hash
            and tokens.type = find_live_token.type
            and tokens.revoked_at is null
            and tokens.redeemed_at is null
            and tokens.expires_at > authority.clock()
            and (tokens.authenticated_at <= active_tenants.tokens_valid_after)
            is not true
            and (
                not tokens.is_foreign
                or active_tenants.foreign_tokens_until > authority.clock()
            )
            and clients.enabled
            and (
                find_live_token.resource is null
                or find_live_token.resource = any(tokens.resources)
            );
        exit judgement when not found;
        if is_exchanged then
            return query
            select verified_tokens.*
            from authority.verified_tokens
            where
                verified_tokens.tenant_id = find_live_token.tenant_id
                and verified_tokens.id = verified.id;
            exit judgement;
        end if;
        if verified.authorization_id is null then
            exit judgement when verified.created_at <= client_epoch;
        else
            select
                authorizations.consent_id,
                case
                    when authorizations.ends_with_session then authorizations.session_id
                end,
                authorizations.acr,
                authorizations.amr
            into family_consent, family_session, verified.acr, verified.amr
            from authority.authorizations
            where
                authorizations.tenant_id = find_live_token.tenant_id
                and authorizations.id = verified.authorization_id
                and authorizations.revoked_at is null
                and (authorizations.expires_at <= authority.clock()) is not true
                and (authorizations.created_at <= client_epoch) is not true;
            exit judgement when not found;
        end if;
        if family_consent is not null then
            perform
            from authority.consents
            where
                consents.tenant_id = find_live_token.tenant_id
                and consents.id = family_consent
                and consents.revoked_at is null
                and verified.scopes <@ consents.scopes
                and verified.resources <@ consents.resources
                and (
                    verified.authorization_details = '[]'
                    or authority.covers_details(
                        consents.authorization_details, verified.authorization_details
                    )
                );
            exit judgement when not found;
        end if;
        if family_session is not null then
            select sessions.sid into verified.sid
            from authority.sessions
            where
                sessions.tenant_id = find_live_token.tenant_id
                and sessions.id = family_session
                and sessions.revoked_at is null;
            exit judgement when not found;
        end if;
        if verified.user_id is not null then
            select
                users.subject_id,
                users.username
            into verified.subject_id, verified.username
            from authority.users
            where
                users.tenant_id = find_live_token.tenant_id
                and users.id = verified.user_id
                and users.status = 'active'
                and (verified.authenticated_at <= users.tokens_valid_after) is not true;
            exit judgement when not found;
        elsif verified.service_account_id is not null then
            select service_accounts.account_id into verified.account_id
            from authority.service_accounts
            where
                service_accounts.tenant_id = find_live_token.tenant_id
                and service_accounts.id = verified.service_account_id
                and service_accounts.enabled
                and (verified.authenticated_at <= service_accounts.tokens_valid_after)
                is not true;
            exit judgement when not found;
        end if;
        return next verified;
    end;
    -- An assignment, because PERFORM would run a query.
    tenant_after := set_config('authority.tenant_id', tenant_before, true);
end
$$;

comment on function authority.find_live_token(uuid, bytea, text, text) is
'Returns the live token of this tenant, hash and type. If resource is not null, the
token must name that resource. Sets the tenant during the call,
then restores the previous one, so that a caller that knows only a token needs one round
trip.';

revoke execute on function authority.find_live_token(uuid, bytea, text, text)
from public;
grant execute on function authority.find_live_token(uuid, bytea, text, text)
to authority_app;
