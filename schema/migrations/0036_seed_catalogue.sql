-- Inserts the permission catalogue, the system roles and the standard OpenID Connect
-- scopes, and copies roles and scopes to existing tenants.
--
-- Locks: row locks on new rows only.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0036_seed_catalogue');

insert into authority.permissions (name, description)
values
('tenants:read', 'See the tenant and its settings.'),
('tenants:write', 'Change the tenant and its settings.'),
('users:read', 'See users and their roles.'),
('users:write', 'Create, change and delete users, and assign roles.'),
('roles:read', 'See roles and what they allow.'),
('roles:write', 'Create, change and delete roles.'),
('clients:read', 'See clients and scopes.'),
('clients:write', 'Create, change and delete clients, secrets and scopes.'),
('service_accounts:read', 'See service accounts.'),
('service_accounts:write', 'Create, change and delete service accounts.'),
('tokens:read', 'See which tokens and authorizations live, never their strings.'),
('tokens:revoke', 'Revoke tokens and authorizations.'),
('audit:read', 'See sign-in attempts and revocations.'),
('licenses:read', 'See licences and their usage.'),
('licenses:write', 'Create, suspend and revoke licences.')
on conflict (name) do update set description = excluded.description;

insert into authority.system_roles (name, description, permissions)
values
(
    'admin',
    'Runs the tenant: everything.',
    array[
        'tenants:read', 'tenants:write', 'users:read', 'users:write',
        'roles:read', 'roles:write', 'clients:read', 'clients:write',
        'service_accounts:read', 'service_accounts:write', 'tokens:read',
        'tokens:revoke', 'audit:read', 'licenses:read', 'licenses:write'
    ]
),
(
    'operator',
    'Helps users: accounts and their tokens.',
    array[
        'tenants:read', 'users:read', 'users:write', 'roles:read', 'clients:read',
        'service_accounts:read', 'tokens:read', 'tokens:revoke', 'audit:read'
    ]
),
(
    'auditor',
    'Looks at everything and changes nothing.',
    array[
        'tenants:read', 'users:read', 'roles:read', 'clients:read',
        'service_accounts:read', 'tokens:read', 'audit:read', 'licenses:read'
    ]
)
on conflict (name) do update
    set
        description = excluded.description,
        permissions = excluded.permissions;

insert into authority.system_scopes (name, display_name, description)
values
('openid', 'Sign in', 'Sign you in (OpenID Connect Core 3.1.2.1).'),
('profile', 'Profile', 'See your name and other profile claims.'),
('email', 'E-mail', 'See your e-mail address.'),
('address', 'Address', 'See your postal address.'),
('phone', 'Phone', 'See your telephone number.'),
('offline_access', 'Offline access', 'Act for you while you are away.')
on conflict (name) do update
    set
        display_name = excluded.display_name,
        description = excluded.description;

-- Works tenant by tenant, because row-level security applies to the owner too.
do $$
declare
    tenant uuid;
begin
    for tenant in select tenants.id from authority.tenants loop
        perform set_config('authority.tenant_id', tenant::text, true);
        insert into authority.roles (tenant_id, name, description, is_system)
        select tenant, system_roles.name, system_roles.description, true
        from authority.system_roles
        on conflict (tenant_id, name) do nothing;
        insert into authority.role_permissions (tenant_id, role_id, permission)
        select roles.tenant_id, roles.id, granted.permission
        from authority.roles
        inner join authority.system_roles on roles.name = system_roles.name
        cross join lateral unnest(system_roles.permissions) as granted (permission)
        where roles.tenant_id = tenant and roles.is_system
        on conflict (tenant_id, role_id, permission) do nothing;
        insert into authority.scopes
        (tenant_id, name, display_name, description, is_system)
        select
            tenant,
            system_scopes.name,
            system_scopes.display_name,
            system_scopes.description,
            true
        from authority.system_scopes
        on conflict (tenant_id, name) do nothing;
    end loop;
    perform set_config('authority.tenant_id', '', true);
    perform authority.create_login_attempt_partitions(3);
end
$$;
