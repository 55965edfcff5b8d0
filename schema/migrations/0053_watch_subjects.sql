-- Creates the triggers that publish in the feed the ends of users, service accounts,
-- clients and tenants, at the end of the transaction.
--
-- Locks: access exclusive on authority.users, clients, service_accounts and tenants
-- while triggers are replaced.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0053_watch_subjects');

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

drop trigger if exists tenants_foreign_tokens_feed on authority.tenants;
create constraint trigger tenants_foreign_tokens_feed
after update of foreign_tokens_until on authority.tenants
deferrable initially deferred
for each row when (
    old.foreign_tokens_until > authority.clock()
    and (
        new.foreign_tokens_until is null
        or new.foreign_tokens_until < old.foreign_tokens_until
    )
    and authority.is_feed_on()
)
execute function authority.publish_end('foreign_tokens', 'foreign_refused');

drop trigger if exists tenants_inactive_feed on authority.tenants;
create constraint trigger tenants_inactive_feed
after update of status on authority.tenants
deferrable initially deferred
for each row when (
    new.status <> old.status
    and authority.is_feed_on()
)
execute function authority.publish_end('tenant', 'tenant_inactive');
