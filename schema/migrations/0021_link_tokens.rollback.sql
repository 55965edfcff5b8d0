set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0021_link_tokens');
alter table if exists authority.tokens
drop constraint if exists tokens_tenant_id_client_uuid_fk,
drop constraint if exists tokens_tenant_id_user_id_fk,
drop constraint if exists tokens_tenant_id_service_account_id_fk,
drop constraint if exists tokens_tenant_id_authorization_id_client_uuid_fk,
drop constraint if exists tokens_tenant_id_subject_authorization_id_fk;
