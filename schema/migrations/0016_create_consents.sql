-- Creates consents of users to clients.
--
-- Locks: share row exclusive on authority.clients and users while foreign keys to them
-- are added; access exclusive if this runs again.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0016_create_consents');

create table if not exists authority.consents (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    client_uuid uuid not null,
    scopes text[] not null,
    resources text[] not null default '{}',
    authorization_details jsonb not null default '[]',
    properties jsonb not null default '{}',
    revoked_at timestamptz,
    revocation_reason text,
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    row_version bigint not null default 1,
    constraint consents_tenant_id_id_pk primary key (tenant_id, id),
    constraint consents_tenant_id_id_user_id_client_uuid_key
    unique (tenant_id, id, user_id, client_uuid),
    constraint consents_scopes_check
    check (array_position(scopes, null) is null and authority.is_scope_list(scopes)),
    constraint consents_resources_check
    check (
        array_position(resources, null) is null
        and authority.is_resource_list(resources)
    ),
    constraint consents_authorization_details_check
    check (
        jsonb_typeof(authorization_details) = 'array'
        and authority.is_details_list(authorization_details)
        and authority.is_bounded_json(authorization_details)
    ),
    constraint consents_properties_check
    check (
        jsonb_typeof(properties) = 'object'
        and authority.is_bounded_json(properties)
    ),
    constraint consents_revoked_at_revocation_reason_check
    check ((revoked_at is null) = (revocation_reason is null)),
    constraint consents_revocation_reason_check
    check (char_length(revocation_reason) <= 2000),
    constraint consents_moments_check
    check (
        least(revoked_at, created_at, updated_at) >= '1900-01-01Z'
        and greatest(revoked_at, created_at, updated_at) < '9000-01-01Z'
    )
);

comment on table authority.consents is
'A user''s consent to a client. One consent per user and client is in force at a time. A
revoked consent stays as a record until it is pruned, and its tokens stay dead whatever
the user grants later.';
comment on column authority.consents.tenant_id is 'Owner of the row.';
comment on column authority.consents.id is 'Random.';
comment on column authority.consents.user_id is 'The user who consented.';
comment on column authority.consents.client_uuid is 'The client''s clients.id.';
comment on column authority.consents.scopes is
'Names of the scopes that the user allows. A token under this consent is dead if it has
any other scope.';
comment on column authority.consents.resources is
'Resources that the user allows (RFC 8707). A token under this consent is dead if it
names any other resource.';
comment on column authority.consents.authorization_details is
'Authorization details that the user allows (RFC 9396), each exactly as it is. A token
under this consent is dead if it has any other one.';
comment on column authority.consents.properties is
'Open object of the embedding service, such as the text that the user saw. The store
never reads it.';
comment on column authority.consents.revoked_at is
'No token under this consent verifies from this time on. Null: in force.';
comment on column authority.consents.revocation_reason is 'Why it was revoked.';
comment on column authority.consents.created_at is 'When it was first granted.';
comment on column authority.consents.updated_at is 'When the row last changed.';
comment on column authority.consents.row_version is
'Increases with each change of the row.';

-- Enforces that one consent is in force. Serves consents.grant.
create unique index if not exists consents_tenant_id_user_id_client_uuid_key
on authority.consents (tenant_id, user_id, client_uuid) where revoked_at is null;
-- Serves consents.list_by_user and the foreign key.
create index if not exists consents_tenant_id_user_id_id_idx
on authority.consents (tenant_id, user_id, id);
-- Serves the foreign key: clients.delete.
create index if not exists consents_tenant_id_client_uuid_idx
on authority.consents (tenant_id, client_uuid);
-- Serves consents.prune_revoked.
create index if not exists consents_revoked_at_idx
on authority.consents (revoked_at) where revoked_at is not null;

create or replace function authority.merge_texts(texts text[], others text[])
returns text[]
language sql
immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
select array(select distinct unnest(texts || others) collate "C" order by 1)
$$;

comment on function authority.merge_texts(text[], text[]) is
'Returns the texts of both lists without duplicates, sorted by their bytes.';

create or replace function authority.covers_details(granted jsonb, asked jsonb)
returns boolean
language plpgsql
immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if asked = '[]' then
        return true;
    elsif jsonb_typeof(asked) <> 'array' or jsonb_array_length(asked) > 100 then
        return false;
    end if;
    return array(select jsonb_array_elements(asked))
        <@ array(select jsonb_array_elements(granted));
end
$$;

comment on function authority.covers_details(jsonb, jsonb) is
'Returns whether each of the asked authorization details equals a granted one (RFC 9396
section 6.1). A detail with fewer fields is another one: a field may restrict it.';

create or replace function authority.merge_details(details jsonb, others jsonb)
returns jsonb
language plpgsql
immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    merged jsonb := details;
    detail jsonb;
begin
    for detail in select jsonb_array_elements(others)
    loop
        if not authority.covers_details(merged, jsonb_build_array(detail)) then
            merged := merged || jsonb_build_array(detail);
        end if;
    end loop;
    return merged;
end
$$;

comment on function authority.merge_details(jsonb, jsonb) is
'Returns the authorization details of the first list, then those that only the second
list has, without duplicates.';

revoke execute on function
authority.merge_texts(text[], text[]),
authority.merge_details(jsonb, jsonb),
authority.covers_details(jsonb, jsonb)
from public;
grant execute on function
authority.merge_texts(text[], text[]),
authority.merge_details(jsonb, jsonb),
authority.covers_details(jsonb, jsonb)
to authority_app;

call authority.isolate_tenants('authority.consents');
call authority.let_operators_prune('authority.consents');

alter table authority.consents
drop constraint if exists consents_tenant_id_user_id_fk,
add constraint consents_tenant_id_user_id_fk foreign key (tenant_id, user_id)
references authority.users (tenant_id, id) on delete cascade,
drop constraint if exists consents_tenant_id_client_uuid_fk,
add constraint consents_tenant_id_client_uuid_fk
foreign key (tenant_id, client_uuid)
references authority.clients (tenant_id, id) on delete cascade;

grant select, insert on authority.consents to authority_app;
grant
update (
    scopes,
    resources,
    authorization_details,
    properties,
    revoked_at,
    revocation_reason,
    updated_at,
    row_version
)
on authority.consents to authority_app;
grant select (tenant_id, id, revoked_at), update (properties), delete
on authority.consents to authority_maintenance;
grant select on authority.consents to authority_reader;
