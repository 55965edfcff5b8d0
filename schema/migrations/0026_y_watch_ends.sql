-- Creates the triggers that publish in the feed whatever ends living tokens. They run
-- at the end of the transaction, so that it locks the feed after everything else.
--
-- Locks: access exclusive on authority.tokens, authorizations, consents, users,
-- clients, service_accounts and tenants while triggers are replaced.

set local search_path = pg_catalog;
set local lock_timeout = '5s';
set local statement_timeout = '60s';
set local role pg_database_owner;

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

drop trigger if exists consents_families_feed on authority.consents;
create trigger consents_families_feed
after update of revoked_at, scopes on authority.consents
for each row when (
    old.revoked_at is null
    and (new.revoked_at is not null or not old.scopes <@ new.scopes)
    and authority.is_feed_on()
)
execute function authority.await_families();

drop trigger if exists consents_narrowed_feed on authority.consents;
create constraint trigger consents_narrowed_feed
after update of revoked_at, scopes on authority.consents
deferrable initially deferred
for each row when (
    old.revoked_at is null
    and (new.revoked_at is not null or not old.scopes <@ new.scopes)
    and authority.is_feed_on()
)
execute function authority.publish_consent();

drop trigger if exists users_signed_out_feed on authority.users;
create constraint trigger users_signed_out_feed
after update of tokens_valid_after on authority.users
deferrable initially deferred
for each row when (
    new.tokens_valid_after is not null
    and (
        old.tokens_valid_after is null
        or new.tokens_valid_after > old.tokens_valid_after
    )
    and authority.is_feed_on()
)
execute function authority.publish_end('subject', 'user_signed_out');

drop trigger if exists users_inactive_feed on authority.users;
create constraint trigger users_inactive_feed
after update of status on authority.users
deferrable initially deferred
for each row when (
    old.status = 'active'
    and new.status <> 'active'
    and authority.is_feed_on()
)
execute function authority.publish_end('subject', 'user_inactive');

drop trigger if exists users_renamed_feed on authority.users;
create constraint trigger users_renamed_feed
after update of subject_id on authority.users
deferrable initially deferred
for each row when (
    new.subject_id <> old.subject_id
    and authority.is_feed_on()
)
execute function authority.publish_end('subject', 'user_renamed');

drop trigger if exists users_deleted_feed on authority.users;
create constraint trigger users_deleted_feed
after delete on authority.users
deferrable initially deferred
for each row when (
    old.status = 'active'
    and authority.is_feed_on()
)
execute function authority.publish_end('subject', 'user_deleted');

drop trigger if exists service_accounts_signed_out_feed on authority.service_accounts;
create constraint trigger service_accounts_signed_out_feed
after update of tokens_valid_after on authority.service_accounts
deferrable initially deferred
for each row when (
    new.tokens_valid_after is not null
    and (
        old.tokens_valid_after is null
        or new.tokens_valid_after > old.tokens_valid_after
    )
    and authority.is_feed_on()
)
execute function authority.publish_end('subject', 'service_account_signed_out');

drop trigger if exists service_accounts_disabled_feed on authority.service_accounts;
create constraint trigger service_accounts_disabled_feed
after update of enabled on authority.service_accounts
deferrable initially deferred
for each row when (
    old.enabled
    and not new.enabled
    and authority.is_feed_on()
)
execute function authority.publish_end('subject', 'service_account_disabled');

drop trigger if exists service_accounts_renamed_feed on authority.service_accounts;
create constraint trigger service_accounts_renamed_feed
after update of account_id on authority.service_accounts
deferrable initially deferred
for each row when (
    new.account_id <> old.account_id
    and authority.is_feed_on()
)
execute function authority.publish_end('subject', 'service_account_renamed');

drop trigger if exists service_accounts_deleted_feed on authority.service_accounts;
create constraint trigger service_accounts_deleted_feed
after delete on authority.service_accounts
deferrable initially deferred
for each row when (
    old.enabled
    and authority.is_feed_on()
)
execute function authority.publish_end('subject', 'service_account_deleted');

drop trigger if exists clients_signed_out_feed on authority.clients;
create constraint trigger clients_signed_out_feed
after update of tokens_valid_after on authority.clients
deferrable initially deferred
for each row when (
    new.tokens_valid_after is not null
    and (
        old.tokens_valid_after is null
        or new.tokens_valid_after > old.tokens_valid_after
    )
    and authority.is_feed_on()
)
execute function authority.publish_end('client', 'client_signed_out');

drop trigger if exists clients_disabled_feed on authority.clients;
create constraint trigger clients_disabled_feed
after update of enabled on authority.clients
deferrable initially deferred
for each row when (
    old.enabled
    and not new.enabled
    and authority.is_feed_on()
)
execute function authority.publish_end('client', 'client_disabled');

drop trigger if exists clients_renamed_feed on authority.clients;
create constraint trigger clients_renamed_feed
after update of client_id on authority.clients
deferrable initially deferred
for each row when (
    new.client_id <> old.client_id
    and authority.is_feed_on()
)
execute function authority.publish_end('client', 'client_renamed');

drop trigger if exists clients_deleted_feed on authority.clients;
create constraint trigger clients_deleted_feed
after delete on authority.clients
deferrable initially deferred
for each row when (
    old.enabled
    and authority.is_feed_on()
)
execute function authority.publish_end('client', 'client_deleted');

drop trigger if exists tenants_signed_out_feed on authority.tenants;
create constraint trigger tenants_signed_out_feed
after update of tokens_valid_after on authority.tenants
deferrable initially deferred
for each row when (
    new.tokens_valid_after is not null
    and (
        old.tokens_valid_after is null
        or new.tokens_valid_after > old.tokens_valid_after
    )
    and authority.is_feed_on()
)
execute function authority.publish_end('tenant', 'tenant_signed_out');

drop trigger if exists tenants_inactive_feed on authority.tenants;
create constraint trigger tenants_inactive_feed
after update of status on authority.tenants
deferrable initially deferred
for each row when (
    new.status <> old.status
    and authority.is_feed_on()
)
execute function authority.publish_end('tenant', 'tenant_inactive');
