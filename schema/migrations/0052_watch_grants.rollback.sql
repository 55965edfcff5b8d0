set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0052_watch_grants');

drop trigger if exists consents_narrowed_feed on authority.consents;
drop trigger if exists consents_families_feed on authority.consents;
drop trigger if exists sessions_deleted_feed on authority.sessions;
drop trigger if exists sessions_revoked_feed on authority.sessions;
drop trigger if exists authorizations_deleted_feed on authority.authorizations;
drop trigger if exists authorizations_revoked_feed on authority.authorizations;
drop trigger if exists tokens_deleted_feed on authority.tokens;
drop trigger if exists tokens_revoked_feed on authority.tokens;
