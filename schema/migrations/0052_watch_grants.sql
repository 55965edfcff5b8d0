-- Creates the triggers that publish in the feed the ends of tokens, families, sessions
-- and consents. They run at the end of the transaction, so that it locks the feed after
-- everything else.
--
-- Locks: access exclusive on authority.tokens, authorizations, sessions and consents
-- while triggers are replaced.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0052_watch_grants');

-- The deletion of a token's family, user, client or service account cascades to it
-- and is published instead. Only access tokens are verified by others.

drop trigger if exists tokens_revoked_feed on authority.tokens;
create constraint trigger tokens_revoked_feed
after update of revoked_at on authority.tokens
deferrable initially deferred
for each row when (
    new.type = 'access'
    and old.revoked_at is null
    and new.revoked_at is not null
    and new.expires_at > authority.clock()
    and authority.is_feed_on()
)
execute function authority.publish_revocation('token');

drop trigger if exists tokens_deleted_feed on authority.tokens;
create constraint trigger tokens_deleted_feed
after delete on authority.tokens
deferrable initially deferred
for each row when (
    old.type = 'access'
    and old.expires_at > authority.clock()
    and old.revoked_at is null
    and pg_trigger_depth() = 0
    and authority.is_feed_on()
)
execute function authority.publish_revocation('token');

drop trigger if exists authorizations_revoked_feed on authority.authorizations;
create constraint trigger authorizations_revoked_feed
after update of revoked_at on authority.authorizations
deferrable initially deferred
for each row when (
    old.revoked_at is null
    and new.revoked_at is not null
    and new.tokens_expire_at > authority.clock()
    and authority.is_feed_on()
)
execute function authority.publish_revocation('authorization');

drop trigger if exists authorizations_deleted_feed on authority.authorizations;
create constraint trigger authorizations_deleted_feed
after delete on authority.authorizations
deferrable initially deferred
for each row when (
    old.tokens_expire_at > authority.clock()
    and old.revoked_at is null
    and authority.is_feed_on()
)
execute function authority.publish_revocation('authorization');

drop trigger if exists sessions_revoked_feed on authority.sessions;
create constraint trigger sessions_revoked_feed
after update of revoked_at on authority.sessions
deferrable initially deferred
for each row when (
    old.revoked_at is null
    and new.revoked_at is not null
    and new.expires_at > authority.clock()
    and authority.is_feed_on()
)
execute function authority.publish_revocation('session');

drop trigger if exists sessions_deleted_feed on authority.sessions;
create constraint trigger sessions_deleted_feed
after delete on authority.sessions
deferrable initially deferred
for each row when (
    old.expires_at > authority.clock()
    and old.revoked_at is null
    and pg_trigger_depth() = 0
    and authority.is_feed_on()
)
execute function authority.publish_revocation('session');

drop trigger if exists consents_families_feed on authority.consents;
create trigger consents_families_feed
after update of revoked_at, scopes, resources, authorization_details
on authority.consents
for each row when (
    old.revoked_at is null
    and (
        new.revoked_at is not null
        or not old.scopes <@ new.scopes
        or not old.resources <@ new.resources
        or not authority.covers_details(
            new.authorization_details, old.authorization_details
        )
    )
    and authority.is_feed_on()
)
execute function authority.await_families();

drop trigger if exists consents_narrowed_feed on authority.consents;
create constraint trigger consents_narrowed_feed
after update of revoked_at, scopes, resources, authorization_details
on authority.consents
deferrable initially deferred
for each row when (
    old.revoked_at is null
    and (
        new.revoked_at is not null
        or not old.scopes <@ new.scopes
        or not old.resources <@ new.resources
        or not authority.covers_details(
            new.authorization_details, old.authorization_details
        )
    )
    and authority.is_feed_on()
)
execute function authority.publish_consent();
