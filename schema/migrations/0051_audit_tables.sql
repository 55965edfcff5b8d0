-- Records the changes of what administrators manage as audit events.
--
-- Locks: share row exclusive on each table while its trigger is created.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0051_audit_tables');

call authority.audit('authority.tenants');
call authority.audit('authority.roles');
call authority.audit('authority.role_permissions');
call authority.audit('authority.users', hidden => array['password_hash']);
-- The actor of the event is the granter.
call authority.audit('authority.user_roles', hidden => array['granted_by']);
call authority.audit('authority.clients');
call authority.audit(
    'authority.client_registrations', hidden => array['registration_token_hash']
);
call authority.audit(
    'authority.client_secrets',
    hidden => array['secret_hash'],
    ignored => array['last_used_at']
);
call authority.audit('authority.scopes');
call authority.audit('authority.service_accounts');
call authority.audit('authority.consents');
call authority.audit('authority.signing_keys', hidden => array['private_key']);
-- Signing in changes the ignored columns.
call authority.audit(
    'authority.user_identities',
    hidden => array['profile'],
    ignored => array['last_used_at']
);
call authority.audit('authority.licenses', hidden => array['key_hash']);
call authority.audit(
    'authority.webauthn_credentials',
    ignored => array['sign_count', 'backed_up', 'last_used_at']
);
call authority.audit(
    'authority.totp_credentials',
    hidden => array['secret_ciphertext'],
    ignored => array['last_used_step', 'last_used_at']
);
call authority.audit(
    'authority.recovery_codes',
    hidden => array['code_hashes'],
    ignored => array['last_used_at']
);
