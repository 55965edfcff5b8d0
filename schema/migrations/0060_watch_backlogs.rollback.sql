set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0060_watch_backlogs');
drop function if exists authority.watch_backlogs(interval, interval, interval, bigint);
drop policy if exists tokens_owner_policy on authority.tokens;
drop policy if exists authorizations_owner_policy on authority.authorizations;
drop policy if exists consents_owner_policy on authority.consents;
drop policy if exists sessions_owner_policy on authority.sessions;
drop policy if exists pushed_requests_owner_policy on authority.pushed_requests;
drop policy if exists device_authorizations_owner_policy
on authority.device_authorizations;
drop policy if exists one_time_tokens_owner_policy on authority.one_time_tokens;
drop policy if exists used_jtis_owner_policy on authority.used_jtis;
drop policy if exists user_roles_owner_policy on authority.user_roles;
drop policy if exists revocations_owner_policy on authority.revocations;
drop policy if exists license_usage_owner_policy on authority.license_usage;
drop policy if exists logout_notices_owner_policy on authority.logout_notices;
drop policy if exists revocation_sequences_owner_policy
on authority.revocation_sequences;
drop policy if exists signing_keys_owner_policy on authority.signing_keys;
drop policy if exists login_throttles_owner_policy on authority.login_throttles;
drop policy if exists login_attempts_owner_policy on authority.login_attempts;
