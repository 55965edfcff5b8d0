-- Creates the replay guard: identifiers of accepted assertions, proofs and challenges.
--
-- Locks: share row exclusive on authority.tenants while the foreign key is added;
-- access exclusive if this runs again.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0034_create_used_jtis');

create table if not exists authority.used_jtis (
    tenant_id uuid not null,
    kind text collate "C" not null,
    issuer text collate "C" not null,
    jti_hash bytea not null,
    expires_at timestamptz not null,
    created_at timestamptz not null default authority.clock(),
    constraint used_jtis_tenant_id_kind_issuer_jti_hash_pk
    primary key (tenant_id, kind, issuer, jti_hash),
    constraint used_jtis_kind_check
    check (kind in ('client_assertion', 'dpop_proof', 'webauthn_challenge')),
    constraint used_jtis_issuer_check
    check (issuer ~ '^[ -~]+$' and char_length(issuer) <= 255),
    constraint used_jtis_kind_issuer_check
    check (kind <> 'dpop_proof' or issuer ~ '^[A-Za-z0-9_-]{43}$'),
    constraint used_jtis_jti_hash_check check (octet_length(jti_hash) = 32),
    constraint used_jtis_expires_at_check
    check (expires_at > created_at and expires_at - created_at <= interval '24 hours'),
    constraint used_jtis_moments_check
    check (
        least(expires_at, created_at) >= '1900-01-01Z'
        and greatest(expires_at, created_at) < '9000-01-01Z'
    )
);

comment on table authority.used_jtis is
'The jti of an accepted client assertion (RFC 7523) or DPoP proof (RFC 9449), or a used
challenge of WebAuthn, remembered while it could be accepted again.';
comment on column authority.used_jtis.tenant_id is 'Owner of the row.';
comment on column authority.used_jtis.kind is
'client_assertion, dpop_proof or webauthn_challenge.';
comment on column authority.used_jtis.issuer is
'The creator of the jti, which is unique only per issuer: the client_id for an
assertion, the JWK SHA-256 thumbprint of the key for a proof (RFC 7638), webauthn for a
challenge.';
comment on column authority.used_jtis.jti_hash is
'SHA-256 of the jti in UTF-8, or of the challenge, 32 octets. Both can have any
length.';
comment on column authority.used_jtis.expires_at is
'From this time on the assertion, proof or challenge is too old to be accepted, by the
database''s clock, and the jti may be used again. At most a day after its use.';
comment on column authority.used_jtis.created_at is
'When it was last used. A jti can be used again after expires_at.';

-- Serves used_jtis.prune_expired.
create index if not exists used_jtis_expires_at_idx
on authority.used_jtis (expires_at);

call authority.isolate_tenants('authority.used_jtis');
call authority.let_operators_prune('authority.used_jtis');

alter table authority.used_jtis
drop constraint if exists used_jtis_tenant_id_fk,
add constraint used_jtis_tenant_id_fk foreign key (tenant_id)
references authority.tenants (id) on delete restrict;

grant select, insert on authority.used_jtis to authority_app;
grant update (expires_at, created_at) on authority.used_jtis to authority_app;
grant
select (tenant_id, kind, issuer, jti_hash, expires_at),
update (expires_at),
delete
on authority.used_jtis to authority_maintenance;
-- All columns but the hash.
grant select (tenant_id, kind, issuer, expires_at, created_at)
on authority.used_jtis to authority_reader;
