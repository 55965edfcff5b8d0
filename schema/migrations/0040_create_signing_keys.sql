-- Creates the keys that the authority signs tokens with, and the view of their states.
--
-- Locks: share row exclusive on authority.tenants while the foreign key is added.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local standard_conforming_strings = on;
set local role pg_database_owner;
call authority.begin_migration('0040_create_signing_keys');

create table if not exists authority.signing_keys (
    tenant_id uuid not null,
    kid text collate "C" not null,
    alg text collate "C" not null,
    public_jwk jsonb not null,
    private_key bytea,
    encryption_key_id text collate "C",
    signs_from timestamptz not null,
    activated_at timestamptz,
    retired_at timestamptz,
    published_until timestamptz,
    compromised_at timestamptz,
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    constraint signing_keys_tenant_id_kid_pk primary key (tenant_id, kid),
    constraint signing_keys_kid_check
    check (authority.is_visible(kid) and char_length(kid) <= 256),
    constraint signing_keys_alg_check
    check (
        alg in (
            'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512',
            'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'
        )
    ),
    constraint signing_keys_public_jwk_check
    check (
        jsonb_typeof(public_jwk) = 'object'
        and authority.is_bounded_json(public_jwk)
        -- Members of private and of symmetric keys (RFC 7518 section 6).
        and not public_jwk
        ?| array['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']
        and (
            public_jwk ->> 'kid' = kid
            and public_jwk ->> 'alg' = alg
            and public_jwk ->> 'use' = 'sig'
            and public_jwk ->> 'kty' = case
                when alg like 'ES%' then 'EC'
                when alg like 'Ed%' then 'OKP'
                else 'RSA'
            end
        ) is true
    ),
    -- The first octet of a ciphertext of Keyring. No plain form of a key begins so.
    constraint signing_keys_private_key_check
    check (
        octet_length(private_key) >= 30
        and octet_length(private_key) <= 16384
        and substring(private_key from 1 for 1) = '\x01'
    ),
    constraint signing_keys_encryption_key_id_check
    check (
        authority.is_visible(encryption_key_id)
        and char_length(encryption_key_id) <= 256
    ),
    constraint signing_keys_private_key_retired_at_check
    check (
        (private_key is null) = (retired_at is not null)
        and (encryption_key_id is null) = (retired_at is not null)
    ),
    constraint signing_keys_retired_at_published_until_check
    check ((retired_at is null) = (published_until is null)),
    constraint signing_keys_compromised_at_check
    check (compromised_at is null or published_until <= compromised_at),
    constraint signing_keys_moments_check
    check (
        least(
            signs_from,
            activated_at,
            retired_at,
            published_until,
            compromised_at,
            created_at,
            updated_at
        ) >= '1900-01-01Z'
        and greatest(
            signs_from,
            activated_at,
            retired_at,
            published_until,
            compromised_at,
            created_at,
            updated_at
        ) < '9000-01-01Z'
    )
);

comment on table authority.signing_keys is
'A key pair that the tenant''s authority signs tokens with. It is published before it
signs, signs until the next one of its algorithm replaces it, and stays published until
its tokens have expired.';
comment on column authority.signing_keys.tenant_id is 'Owner of the row.';
comment on column authority.signing_keys.kid is
'The kid of the JWK and of the headers of tokens. Its JWK SHA-256 thumbprint (RFC 7638),
if mint_signing_key made it.';
comment on column authority.signing_keys.alg is
'The algorithm of its signatures (RFC 7518 section 3.1, RFC 8037, RFC 9864).';
comment on column authority.signing_keys.public_jwk is
'The public JWK (RFC 7517) as it is published, with kid, alg and the use sig. A check
refuses members of a private key.';
comment on column authority.signing_keys.private_key is
'The private key in PKCS #8 PEM, encrypted by the service (Keyring) for this row. Null:
it is retired, and its private key is destroyed.';
comment on column authority.signing_keys.encryption_key_id is
'The id of the key that decrypts private_key. The database never sees that key. Null: it
is retired.';
comment on column authority.signing_keys.signs_from is
'It does not sign before this time, so that every verifier has it by then. Ignored if no
other key of its algorithm signs.';
comment on column authority.signing_keys.activated_at is
'When it became the key that signs. Null: it has not signed.';
comment on column authority.signing_keys.retired_at is
'When it stopped signing, or was withdrawn. Null: it signs, or will.';
comment on column authority.signing_keys.published_until is
'Everything that it signed has expired by this time: it leaves the key set, and may be
pruned. Null: it signs, or will.';
comment on column authority.signing_keys.compromised_at is
'When it was withdrawn because others may have its private key. Null: never.';
comment on column authority.signing_keys.created_at is 'When it was published.';
comment on column authority.signing_keys.updated_at is 'When the row last changed.';

-- Enforces that of each algorithm at most one key signs, and at most one comes next.
-- Serves signing_keys.get_signing and signing_keys.rotate.
create unique index if not exists signing_keys_tenant_id_alg_key
on authority.signing_keys (tenant_id, alg, (activated_at is null))
where retired_at is null;
-- Serves signing_keys.prune_expired.
create index if not exists signing_keys_published_until_idx
on authority.signing_keys (published_until) where published_until is not null;

call authority.isolate_tenants('authority.signing_keys');
call authority.let_operators_prune('authority.signing_keys');

alter table authority.signing_keys
drop constraint if exists signing_keys_tenant_id_fk,
add constraint signing_keys_tenant_id_fk foreign key (tenant_id)
references authority.tenants (id) on delete restrict;

create or replace view authority.signing_key_states
with (security_invoker = true) as
select
    signing_keys.tenant_id,
    signing_keys.kid,
    signing_keys.alg,
    case
        when signing_keys.compromised_at is not null then 'compromised'
        when signing_keys.published_until <= moment.now then 'expired'
        when signing_keys.retired_at is not null then 'retired'
        when signing_keys.activated_at is not null then 'signing'
        else 'next'
    end as state,
    signing_keys.public_jwk,
    signing_keys.encryption_key_id,
    signing_keys.signs_from,
    signing_keys.activated_at,
    signing_keys.retired_at,
    signing_keys.published_until,
    signing_keys.compromised_at,
    signing_keys.created_at,
    signing_keys.updated_at
from authority.signing_keys
cross join lateral (values (authority.clock())) as moment (now);

comment on view authority.signing_key_states is
'Each signing key with its state, by the database''s clock, without its private key.';
comment on column authority.signing_key_states.state is
'next, signing and retired keys are in the key set. expired and compromised ones are
not.';

grant select, insert on authority.signing_keys to authority_app;
grant update (
    private_key,
    encryption_key_id,
    activated_at,
    retired_at,
    published_until,
    compromised_at,
    updated_at
) on authority.signing_keys to authority_app;
grant select (tenant_id, kid, published_until), update (updated_at), delete
on authority.signing_keys to authority_maintenance;
-- All columns but the private key.
grant select (
    tenant_id,
    kid,
    alg,
    public_jwk,
    encryption_key_id,
    signs_from,
    activated_at,
    retired_at,
    published_until,
    compromised_at,
    created_at,
    updated_at
) on authority.signing_keys to authority_reader;
grant select on authority.signing_key_states to authority_app, authority_reader;
