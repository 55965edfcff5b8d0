-- Creates recovery codes: what a user signs in with who has lost the other factors.
--
-- Locks: share row exclusive on authority.users while the foreign key is added.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0039_create_recovery_codes');

create or replace function authority.are_digests(digests bytea[])
returns boolean
language plpgsql
immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    digest bytea;
begin
    foreach digest in array coalesce(digests, '{}')
    loop
        if
            octet_length(digest) is distinct from 32
            or cardinality(array_positions(digests, digest)) > 1
        then
            return false;
        end if;
    end loop;
    return true;
end
$$;

comment on function authority.are_digests(bytea[]) is
'Returns whether each element has 32 octets, without duplicates. Null passes.';

create table if not exists authority.recovery_codes (
    tenant_id uuid not null,
    user_id uuid not null,
    code_hashes bytea[] not null,
    last_used_at timestamptz,
    created_at timestamptz not null default authority.clock(),
    constraint recovery_codes_tenant_id_user_id_pk primary key (tenant_id, user_id),
    constraint recovery_codes_code_hashes_check
    check (
        array_position(code_hashes, null) is null
        and cardinality(code_hashes) <= 32
        and authority.are_digests(code_hashes)
    ),
    constraint recovery_codes_moments_check
    check (
        least(last_used_at, created_at) >= '1900-01-01Z'
        and greatest(last_used_at, created_at) < '9000-01-01Z'
    )
);

comment on table authority.recovery_codes is
'The unused recovery codes of a user (look-up secrets of NIST SP 800-63B), in one row,
so that a new set replaces the old one at once.';
comment on column authority.recovery_codes.tenant_id is 'Owner of the row.';
comment on column authority.recovery_codes.user_id is
'The user who may sign in with the codes.';
comment on column authority.recovery_codes.code_hashes is
'SHA-256 of tenant, user and code, 32 octets each. A code has 120 random bits, so that
its hash cannot be guessed. A used code is removed.';
comment on column authority.recovery_codes.last_used_at is
'When a code of the set was last used. Null: never.';
comment on column authority.recovery_codes.created_at is 'When the set was made.';

call authority.isolate_tenants('authority.recovery_codes');

alter table authority.recovery_codes
drop constraint if exists recovery_codes_tenant_id_user_id_fk,
add constraint recovery_codes_tenant_id_user_id_fk
foreign key (tenant_id, user_id)
references authority.users (tenant_id, id) on delete cascade;

grant select, insert, delete on authority.recovery_codes to authority_app;
grant update (code_hashes, last_used_at, created_at)
on authority.recovery_codes to authority_app;
-- All columns but the hashes.
grant select (tenant_id, user_id, last_used_at, created_at)
on authority.recovery_codes to authority_reader;
revoke execute on function authority.are_digests(bytea[]) from public;
-- A check constraint runs as the role that writes the row.
grant execute on function authority.are_digests(bytea[]) to authority_app;
