-- Adds the foreign keys of tokens.
--
-- Locks: share row exclusive on authority.clients, users, service_accounts and
-- authorizations while foreign keys to them are added; access exclusive if this runs
-- again.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0021_link_tokens');

-- The table is new, so no rows are scanned.
-- squawk-ignore-file adding-foreign-key-constraint, constraint-missing-not-valid
alter table authority.tokens
drop constraint if exists tokens_tenant_id_client_uuid_fk,
add constraint tokens_tenant_id_client_uuid_fk foreign key (tenant_id, client_uuid)
references authority.clients (tenant_id, id) on delete cascade,
drop constraint if exists tokens_tenant_id_user_id_fk,
add constraint tokens_tenant_id_user_id_fk foreign key (tenant_id, user_id)
references authority.users (tenant_id, id) on delete cascade,
drop constraint if exists tokens_tenant_id_service_account_id_fk,
add constraint tokens_tenant_id_service_account_id_fk
foreign key (tenant_id, service_account_id)
references authority.service_accounts (tenant_id, id) on delete cascade,
drop constraint if exists tokens_tenant_id_authorization_id_client_uuid_fk,
add constraint tokens_tenant_id_authorization_id_client_uuid_fk
foreign key (tenant_id, authorization_id, client_uuid)
references authority.authorizations (tenant_id, id, client_uuid) on delete cascade,
drop constraint if exists tokens_tenant_id_subject_authorization_id_fk,
add constraint tokens_tenant_id_subject_authorization_id_fk
foreign key (tenant_id, subject_authorization_id)
references authority.authorizations (tenant_id, id) on delete cascade;
