-- Creates the trigger that publishes in the feed the families that end with a session.
--
-- Locks: access exclusive on authority.sessions while the trigger is replaced.

set local search_path = pg_catalog;
set local lock_timeout = '5s';
set local statement_timeout = '60s';
set local role pg_database_owner;

create or replace function authority.publish_session()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    tenant_now constant text
        := set_config('authority.tenant_id', new.tenant_id::text, true);
    families text[];
    ends timestamptz[];
begin
    -- Issuing a code locks the session, so every family is here. A sign-out from
    -- everywhere is published for the user. A refresh may prolong the tokens of a
    -- family, but not beyond the end of the family.
    select
        array_agg(authorizations.id::text order by authorizations.id),
        array_agg(
            coalesce(authorizations.expires_at, new.expires_at)
            order by authorizations.id
        )
    into families, ends
    from authority.authorizations
    inner join authority.users
        on
            authorizations.tenant_id = users.tenant_id
            and authorizations.user_id = users.id
    where
        authorizations.tenant_id = new.tenant_id
        and authorizations.session_id = new.id
        and authorizations.ends_with_session
        and authorizations.revoked_at is null
        and authorizations.tokens_expire_at > authority.clock()
        and coalesce(authorizations.expires_at, new.expires_at) > authority.clock()
        and (authorizations.created_at <= users.tokens_valid_after) is not true;
    if families is not null then
        perform authority.append_revocations(
            new.tenant_id,
            'authorization',
            families,
            ends,
            null,
            'session_ended',
            authority.clock()
        );
    end if;
    perform set_config('authority.tenant_id', tenant_before, true);
    return null;
end
$$;

comment on function authority.publish_session is
'Publishes the end of each living family that ends with the session.';

revoke execute on function authority.publish_session() from public;

drop trigger if exists sessions_ended_feed on authority.sessions;
create constraint trigger sessions_ended_feed
after update of revoked_at on authority.sessions
deferrable initially deferred
for each row when (
    old.revoked_at is null
    and new.revoked_at is not null
    and authority.is_feed_on()
)
execute function authority.publish_session();
