-- Creates the feed of revocations that resource servers and gateways follow.
--
-- Locks: share row exclusive on authority.tenants while foreign keys are added; access
-- exclusive if this runs again.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0025_create_revocations');

create table if not exists authority.revocation_sequences (
    tenant_id uuid not null,
    last_sequence bigint not null,
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    constraint revocation_sequences_tenant_id_pk primary key (tenant_id),
    constraint revocation_sequences_moments_check
    check (
        least(created_at, updated_at) >= '1900-01-01Z'
        and greatest(created_at, updated_at) < '9000-01-01Z'
    )
);

comment on table authority.revocation_sequences is
'The newest number in the revocation feed of one tenant. A publisher locks the row until
it commits, so that numbers appear in order and without gaps. A sequence object
guarantees neither.';
comment on column authority.revocation_sequences.tenant_id is 'Owner of the row.';
comment on column authority.revocation_sequences.last_sequence is
'Number of the newest entry.';
comment on column authority.revocation_sequences.created_at is
'When the tenant first published an entry.';
comment on column authority.revocation_sequences.updated_at is
'When the tenant last published an entry.';

create table if not exists authority.revocations (
    tenant_id uuid not null,
    sequence bigint not null,
    category text collate "C" not null,
    target text collate "C" not null,
    scopes text[],
    resources text[],
    authorization_details jsonb,
    reason text not null,
    properties jsonb not null default '{}',
    effective_at timestamptz not null default authority.clock(),
    expires_at timestamptz,
    created_at timestamptz not null default authority.clock(),
    constraint revocations_tenant_id_sequence_pk primary key (tenant_id, sequence),
    constraint revocations_category_check
    check (
        category in (
            'token', 'authorization', 'session', 'subject', 'client', 'tenant', 'key',
            'foreign_tokens'
        )
    ),
    constraint revocations_target_check
    check (authority.is_visible(target) and char_length(target) <= 256),
    constraint revocations_scopes_check
    check (array_position(scopes, null) is null and authority.is_scope_list(scopes)),
    constraint revocations_resources_check
    check (
        array_position(resources, null) is null
        and authority.is_resource_list(resources)
    ),
    constraint revocations_authorization_details_check
    check (
        jsonb_typeof(authorization_details) = 'array'
        and authority.is_details_list(authorization_details)
        and authority.is_bounded_json(authorization_details)
    ),
    constraint revocations_category_scopes_check
    check (
        num_nulls(scopes, resources, authorization_details)
        = case
            when scopes is not null and category = 'authorization' then 0 else 3
        end
    ),
    constraint revocations_properties_check
    check (
        jsonb_typeof(properties) = 'object'
        and authority.is_bounded_json(properties)
    ),
    constraint revocations_expires_at_check check (expires_at > effective_at),
    constraint revocations_category_expires_at_check
    check (expires_at is not null or category not in ('token', 'authorization')),
    constraint revocations_reason_check check (char_length(reason) <= 2000),
    constraint revocations_moments_check
    check (
        least(effective_at, expires_at, created_at) >= '1900-01-01Z'
        and greatest(effective_at, expires_at, created_at) < '9000-01-01Z'
    )
);

comment on table authority.revocations is
'A feed entry: what verifiers with a cache or with self-contained tokens must refuse.
Append-only. Triggers publish whatever ends living tokens of this store.';
comment on column authority.revocations.tenant_id is 'Owner of the row.';
comment on column authority.revocations.sequence is
'Position in the tenant''s feed, from 1, in the order of commits. A follower resumes
after it.';
comment on column authority.revocations.category is
'What the target is: a token, authorization, session, subject, client, tenant, key (for
signing), or foreign_tokens (all tokens of another store).';
comment on column authority.revocations.target is
'The jti, authorization id, sid, sub, client_id, tenant id or kid, depending on the
category. That of foreign_tokens is the tenant id. The sub of a service account is its account_id. Never a token.';
comment on column authority.revocations.scopes is
'What is left of a narrowed consent. Verifiers refuse only tokens of the target that
have another scope, resource or authorization detail. Null: all of its tokens.';
comment on column authority.revocations.resources is
'The resources that are left of a narrowed consent. Null: scopes is null.';
comment on column authority.revocations.authorization_details is
'The authorization details that are left of a narrowed consent. Null: scopes is null.';
comment on column authority.revocations.reason is
'Why it was revoked, for people and reports.';
comment on column authority.revocations.properties is
'Open object of the embedding service. The store never reads it.';
comment on column authority.revocations.effective_at is
'Verifiers that cannot ask the store refuse what was issued at or before this time. A
token, an authorization and a session are refused at any time.';
comment on column authority.revocations.expires_at is
'Everything that the entry refuses has expired by this time, and the entry may be
pruned. Null: no such time. Required for a token and an authorization.';
comment on column authority.revocations.created_at is 'When it was published.';

-- Serves revocations.find_active_by_target.
create index if not exists revocations_tenant_id_target_sequence_idx
on authority.revocations (tenant_id, target, sequence);
-- Serves revocations.prune_superseded.
create index if not exists revocations_tenant_id_category_target_sequence_idx
on authority.revocations (tenant_id, category, target, sequence)
where expires_at is null;
-- Serves revocations.prune_expired.
create index if not exists revocations_expires_at_idx
on authority.revocations (expires_at) where expires_at is not null;

create or replace function authority.append_revocations(
    tenant_id uuid,
    category text,
    targets text[],
    ends timestamptz[],
    reason text,
    effective_at timestamptz,
    scopes text[] default null,
    resources text[] default null,
    authorization_details jsonb default null
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
begin
    with next_sequence as (
        insert into authority.revocation_sequences (tenant_id, last_sequence)
        values (append_revocations.tenant_id, cardinality(targets))
        on conflict on constraint revocation_sequences_tenant_id_pk do update
            set
                last_sequence
                = revocation_sequences.last_sequence + excluded.last_sequence,
                updated_at = excluded.updated_at
        returning
            revocation_sequences.last_sequence,
            case
                when
                    (current_setting('authority.feed', true) is distinct from 'silent')
                    and pg_notification_queue_usage() < 0.5
                    then pg_notify(
                        'authority_revocations', revocation_sequences.tenant_id::text
                    )
            end as hint
    )

    insert into authority.revocations (
        tenant_id, sequence, category, target, scopes, resources, authorization_details,
        reason, effective_at, expires_at
    )
    select
        append_revocations.tenant_id,
        next_sequence.last_sequence - cardinality(targets) + ended.number,
        append_revocations.category,
        ended.target,
        append_revocations.scopes,
        append_revocations.resources,
        append_revocations.authorization_details,
        append_revocations.reason,
        append_revocations.effective_at,
        ended.expires_at
    from next_sequence
    cross join unnest(targets, ends) with ordinality
        as ended (target, expires_at, number);
end
$$;

comment on function authority.append_revocations is
'Appends an entry for each target, with its end, to the feed of the tenant. The
transaction notifies followers, unless the setting authority.feed is silent.';

revoke execute on function authority.append_revocations(
    uuid, text, text[], timestamptz[], text, timestamptz, text[], text[], jsonb
) from public;

call authority.isolate_tenants('authority.revocation_sequences');
call authority.isolate_tenants('authority.revocations');
call authority.let_operators_prune('authority.revocations');

alter table authority.revocation_sequences
drop constraint if exists revocation_sequences_tenant_id_fk,
add constraint revocation_sequences_tenant_id_fk foreign key (tenant_id)
references authority.tenants (id) on delete restrict;

alter table authority.revocations
drop constraint if exists revocations_tenant_id_fk,
add constraint revocations_tenant_id_fk foreign key (tenant_id)
references authority.tenants (id) on delete restrict;

grant select, insert on authority.revocation_sequences to authority_app;
grant update (last_sequence, updated_at)
on authority.revocation_sequences to authority_app;
grant select, insert on authority.revocations to authority_app;
grant
select (
    tenant_id, sequence, category, target, effective_at, expires_at, created_at
),
update (properties),
delete
on authority.revocations to authority_maintenance;
grant select on authority.revocation_sequences, authority.revocations
to authority_reader;
