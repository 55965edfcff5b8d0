-- Creates the queue of logout notices to clients (OpenID Connect Back-Channel Logout).
--
-- Locks: share row exclusive on authority.sessions and clients while foreign keys to
-- them are added; access exclusive if this runs again.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0037_create_logout_notices');

create table if not exists authority.logout_notices (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    session_id uuid not null,
    client_uuid uuid not null,
    status text collate "C" not null default 'waiting',
    attempts bigint not null default 0,
    next_attempt_at timestamptz not null default authority.clock(),
    last_error text,
    finished_at timestamptz,
    expires_at timestamptz not null,
    created_at timestamptz not null default authority.clock(),
    constraint logout_notices_tenant_id_id_pk primary key (tenant_id, id),
    constraint logout_notices_tenant_id_session_id_client_uuid_key
    unique (tenant_id, session_id, client_uuid),
    constraint logout_notices_status_check
    check (status in ('waiting', 'delivered', 'given_up')),
    constraint logout_notices_status_finished_at_check
    check ((status = 'waiting') = (finished_at is null)),
    constraint logout_notices_attempts_check check (attempts >= 0),
    constraint logout_notices_last_error_check check (char_length(last_error) <= 2000),
    constraint logout_notices_expires_at_check check (expires_at > created_at),
    constraint logout_notices_moments_check
    check (
        least(
            next_attempt_at,
            finished_at,
            expires_at,
            created_at
        ) >= '1900-01-01Z'
        and greatest(
            next_attempt_at,
            finished_at,
            expires_at,
            created_at
        ) < '9000-01-01Z'
    )
);

comment on table authority.logout_notices is
'A logout token to send to a client whose user''s session was ended. Workers claim
notices for the time of a lease. A notice whose worker died is claimed again after it.';
comment on column authority.logout_notices.tenant_id is 'Owner of the row.';
comment on column authority.logout_notices.id is
'Random. The jti of the logout token, the same in each attempt.';
comment on column authority.logout_notices.session_id is
'The session that was ended. Its sid and its user''s sub are in the logout token.';
comment on column authority.logout_notices.client_uuid is
'clients.id of the client to notify, at its backchannel_logout_uri.';
comment on column authority.logout_notices.status is
'waiting for an attempt or for the outcome of one, then delivered or given_up.';
comment on column authority.logout_notices.attempts is
'How often workers have claimed it.';
comment on column authority.logout_notices.next_attempt_at is
'No worker claims it before this time: the end of a lease, or of the pause after a
failure.';
comment on column authority.logout_notices.last_error is
'Why the last attempt failed. Null: none has.';
comment on column authority.logout_notices.finished_at is
'When it was delivered or given up. Null: waiting.';
comment on column authority.logout_notices.expires_at is
'No worker sends it from this time on, and the row may be pruned.';
comment on column authority.logout_notices.created_at is 'When the session was ended.';

-- Serves logout_notices.claim and logout_notices.list_tenants.
create index if not exists logout_notices_tenant_id_next_attempt_at_idx
on authority.logout_notices (tenant_id, next_attempt_at) where status = 'waiting';
-- Serves monitoring.list_work.
create index if not exists logout_notices_finished_at_idx
on authority.logout_notices (finished_at) where status = 'given_up';
-- Serves the foreign key: clients.delete.
create index if not exists logout_notices_tenant_id_client_uuid_idx
on authority.logout_notices (tenant_id, client_uuid);
-- Serves logout_notices.list_by_status_after.
create index if not exists logout_notices_tenant_id_status_id_idx
on authority.logout_notices (tenant_id, status, id);
-- Serves logout_notices.prune_expired.
create index if not exists logout_notices_expires_at_idx
on authority.logout_notices (expires_at);

call authority.isolate_tenants('authority.logout_notices');
call authority.let_operators_prune('authority.logout_notices');

alter table authority.logout_notices
drop constraint if exists logout_notices_tenant_id_session_id_fk,
add constraint logout_notices_tenant_id_session_id_fk
foreign key (tenant_id, session_id)
references authority.sessions (tenant_id, id) on delete cascade;
alter table authority.logout_notices
drop constraint if exists logout_notices_tenant_id_client_uuid_fk,
add constraint logout_notices_tenant_id_client_uuid_fk
foreign key (tenant_id, client_uuid)
references authority.clients (tenant_id, id) on delete cascade;

grant select, insert on authority.logout_notices to authority_app;
grant update (status, attempts, next_attempt_at, last_error, finished_at)
on authority.logout_notices to authority_app;
grant
select (tenant_id, id, session_id, status, next_attempt_at, expires_at),
update (last_error),
delete
on authority.logout_notices to authority_maintenance;
grant select on authority.logout_notices to authority_reader;
