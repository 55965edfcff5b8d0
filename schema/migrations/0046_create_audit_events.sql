-- Creates the audit events, and the chains that seal them.
--
-- Locks: share row exclusive on authority.tenants while foreign keys are added.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0046_create_audit_events');

create table if not exists authority.audit_events (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    action text collate "C" not null,
    is_change boolean not null default false,
    target_kind text collate "C",
    target_id text collate "C",
    user_id uuid,
    changes jsonb not null default '{}',
    actor_kind text collate "C" not null,
    actor_id text collate "C",
    client_id text collate "C",
    address inet,
    user_agent text,
    correlation_id text collate "C",
    login text collate "C" not null default session_user,
    target_salt uuid default gen_random_uuid(),
    target_digest bytea,
    actor_salt uuid default gen_random_uuid(),
    actor_digest bytea,
    number bigint,
    seal bytea,
    created_at timestamptz not null default authority.clock(),
    constraint audit_events_tenant_id_created_at_id_pk
    primary key (tenant_id, created_at, id),
    constraint audit_events_action_check
    check (
        action ~ '^[a-z][a-z0-9_]*([.][a-z][a-z0-9_]*)*$'
        and char_length(action) <= 128
    ),
    constraint audit_events_target_kind_check
    check (target_kind ~ '^[a-z][a-z0-9_]*$' and char_length(target_kind) <= 63),
    constraint audit_events_target_id_check check (char_length(target_id) <= 512),
    constraint audit_events_changes_check
    check (jsonb_typeof(changes) = 'object' and authority.is_bounded_json(changes)),
    constraint audit_events_actor_kind_check
    check (actor_kind in ('user', 'service_account', 'client', 'login')),
    constraint audit_events_actor_id_check check (char_length(actor_id) <= 255),
    constraint audit_events_client_id_check check (char_length(client_id) <= 255),
    constraint audit_events_address_check
    check (
        masklen(address) = case family(address) when 4 then 32 else 128 end
        and address = authority.canonical_address(address)
    ),
    constraint audit_events_user_agent_check check (char_length(user_agent) <= 512),
    constraint audit_events_correlation_id_check
    check (char_length(correlation_id) <= 256),
    constraint audit_events_login_check check (char_length(login) <= 63),
    constraint audit_events_target_digest_check
    check (octet_length(target_digest) = 32),
    constraint audit_events_actor_digest_check check (octet_length(actor_digest) = 32),
    constraint audit_events_seal_check check (octet_length(seal) = 32),
    constraint audit_events_number_seal_check
    check ((number is null) = (seal is null)),
    constraint audit_events_moments_check
    check (
        least(created_at) >= '1900-01-01Z'
        and greatest(created_at) < '9000-01-01Z'
    )
) partition by range (created_at);

comment on table authority.audit_events is
'Who did what to which row, when and from where. Append-only, with one partition a month
(UTC), which is dropped whole when its retention ends. A trigger writes the changes of
tables, a service its own events.';
comment on column authority.audit_events.tenant_id is 'Owner of the row.';
comment on column authority.audit_events.id is 'Random.';
comment on column authority.audit_events.action is
'A table and insert, update or delete, such as users.update; or the embedding service''s
own word, such as report.viewed.';
comment on column authority.audit_events.is_change is
'True for a change of a table, which only its trigger records. False for an event of the
embedding service.';
comment on column authority.audit_events.target_kind is
'The table of the changed row, or the embedding service''s own word. Null: no target.';
comment on column authority.audit_events.target_id is
'The primary key of the changed row without its tenant, joined by /; or the embedding
service''s own identifier. Null: no target, or redacted.';
comment on column authority.audit_events.user_id is
'The user whom the changed row concerns. Null: none, or redacted. No foreign key,
because the event outlives the user.';
comment on column authority.audit_events.changes is
'An object of each changed column to an object of its old and new value; or the
embedding service''s own details. Empty: none, or redacted.';
comment on column authority.audit_events.actor_kind is
'What actor_id is: the id of a user or of a service account, the client_id of a client,
or the database login.';
comment on column authority.audit_events.actor_id is
'Who acted, according to the service; without its word, the database login. Null:
redacted.';
comment on column authority.audit_events.client_id is
'client_id of the application through which somebody acted. Null: none, or redacted.';
comment on column authority.audit_events.address is
'Address of the host, in the form of authority.canonical_address. Null: not known, or
redacted.';
comment on column authority.audit_events.user_agent is
'The User-Agent header, up to 512 characters. Null: not known, or redacted.';
comment on column authority.audit_events.correlation_id is
'Request id, to find the event in other logs. Null: none, or redacted.';
comment on column authority.audit_events.login is
'The login of the database session (session_user), which no service can choose.';
comment on column authority.audit_events.target_salt is
'Random part of the digest of target_id, user_id and changes. Null: redacted.';
comment on column authority.audit_events.target_digest is
'The digest of target_id, user_id and changes, which replaces them when they are
redacted. Null: not redacted.';
comment on column authority.audit_events.actor_salt is
'Random part of the digest of actor_id, client_id, address, user_agent and
correlation_id. Null: redacted.';
comment on column authority.audit_events.actor_digest is
'The digest of actor_id, client_id, address, user_agent and correlation_id, which
replaces them when they are redacted. Null: not redacted.';
comment on column authority.audit_events.number is
'Position in the chain of the tenant and month, from 1, without gaps. Null: not sealed
yet.';
comment on column authority.audit_events.seal is
'SHA-256 of the previous seal, the number and the event: authority.seal_of_event. Null:
not sealed yet.';
comment on column authority.audit_events.created_at is
'When the statement began that made the change. Determines the partition.';

-- Serves audit_events.list_by_target_after and audit_events.list_by_target_before.
create index if not exists
audit_events_tenant_id_target_kind_target_id_created_at_id_idx
on authority.audit_events (tenant_id, target_kind, target_id, created_at, id)
where target_id is not null;
-- Serves audit_events.list_by_actor_after and audit_events.list_by_actor_before.
create index if not exists audit_events_tenant_id_actor_kind_actor_id_created_at_id_idx
on authority.audit_events (tenant_id, actor_kind, actor_id, created_at, id)
where actor_id is not null;
-- Serves erasures.erase_user and exports.list_rows.
create index if not exists audit_events_tenant_id_user_id_idx
on authority.audit_events (tenant_id, user_id) where user_id is not null;
-- Serves audit_events.verify.
create index if not exists audit_events_tenant_id_number_idx
on authority.audit_events (tenant_id, number) where number is not null;
-- Serves audit_events.seal.
create index if not exists audit_events_created_at_idx
on authority.audit_events (created_at) where number is null;

create table if not exists authority.audit_events_default
partition of authority.audit_events default;

comment on table authority.audit_events_default is
'Events of months that have no partition, so that no event is lost.';

create table if not exists authority.audit_chains (
    tenant_id uuid not null,
    month date not null,
    last_number bigint not null default 0,
    last_seal bytea not null,
    previous_month date,
    previous_number bigint,
    previous_seal bytea,
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    constraint audit_chains_tenant_id_month_pk primary key (tenant_id, month),
    constraint audit_chains_month_check check (extract(day from month) = 1),
    constraint audit_chains_last_seal_check check (octet_length(last_seal) = 32),
    constraint audit_chains_previous_seal_check
    check (octet_length(previous_seal) = 32),
    constraint audit_chains_previous_month_check
    check (
        (previous_month is null) = (previous_number is null)
        and (previous_month is null) = (previous_seal is null)
    ),
    constraint audit_chains_moments_check
    check (
        least(created_at, updated_at) >= '1900-01-01Z'
        and greatest(created_at, updated_at) < '9000-01-01Z'
    )
);

comment on table authority.audit_chains is
'The chain of a tenant''s events of one month (UTC). Each chain ends with its partition,
so that pruning breaks no other. The head of the chain before is part of its first
seal.';
comment on column authority.audit_chains.tenant_id is 'Owner of the row.';
comment on column authority.audit_chains.month is 'First day of the month.';
comment on column authority.audit_chains.last_number is
'Number of the newest sealed event.';
comment on column authority.audit_chains.last_seal is
'Seal of the newest sealed event. Kept elsewhere, it proves all events before it.';
comment on column authority.audit_chains.previous_month is
'The month of the chain before this one. Null: this was the first one.';
comment on column authority.audit_chains.previous_number is
'Number of the newest event of that chain when this one began.';
comment on column authority.audit_chains.previous_seal is 'Seal of that event.';
comment on column authority.audit_chains.created_at is
'When the first event of the month was sealed.';
comment on column authority.audit_chains.updated_at is
'When the newest event of the month was sealed.';

call authority.isolate_tenants('authority.audit_events');
call authority.isolate_tenants('authority.audit_events_default');
call authority.isolate_tenants('authority.audit_chains');

alter table authority.audit_events
drop constraint if exists audit_events_tenant_id_fk,
add constraint audit_events_tenant_id_fk foreign key (tenant_id)
references authority.tenants (id) on delete restrict;
alter table authority.audit_chains
drop constraint if exists audit_chains_tenant_id_fk,
add constraint audit_chains_tenant_id_fk foreign key (tenant_id)
references authority.tenants (id) on delete restrict;
