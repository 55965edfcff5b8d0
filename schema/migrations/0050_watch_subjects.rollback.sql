set local search_path = pg_catalog;
set local role pg_database_owner;

drop trigger if exists tenants_inactive_feed on authority.tenants;
drop trigger if exists tenants_signed_out_feed on authority.tenants;
drop trigger if exists clients_deleted_feed on authority.clients;
drop trigger if exists clients_renamed_feed on authority.clients;
drop trigger if exists clients_disabled_feed on authority.clients;
drop trigger if exists clients_signed_out_feed on authority.clients;
drop trigger if exists service_accounts_deleted_feed on authority.service_accounts;
drop trigger if exists service_accounts_renamed_feed on authority.service_accounts;
drop trigger if exists service_accounts_disabled_feed on authority.service_accounts;
drop trigger if exists service_accounts_signed_out_feed on authority.service_accounts;
drop trigger if exists users_deleted_feed on authority.users;
drop trigger if exists users_renamed_feed on authority.users;
drop trigger if exists users_inactive_feed on authority.users;
drop trigger if exists users_signed_out_feed on authority.users;
