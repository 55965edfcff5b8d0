-- name: publish(tenant_id, kid, alg, public_jwk, private_key, encryption_key_id, publish_ahead)^
-- The outcome of publishing a key: signing, if no other key of its algorithm signs;
-- next, if it signs after publish_ahead; or exists: another next key is published, or
-- two were published at once. An existing key changes nothing.
-- @row SigningKeyPublication
-- @when outcome = signing, next -- kid, signs_from
-- @param private_key notnull
-- @param encryption_key_id notnull
with published as (
    insert into authority.signing_keys (
        tenant_id,
        kid,
        alg,
        public_jwk,
        private_key,
        encryption_key_id,
        signs_from,
        activated_at
    )
    select
        given.tenant_id,
        :kid,
        given.alg,
        :public_jwk,
        :private_key,
        :encryption_key_id,
        case
            when current_key.kid is null then given.published_at
            else given.published_at + :publish_ahead::interval
        end as signs_from,
        case when current_key.kid is null then given.published_at end as activated_at
    from (
        values (:tenant_id::uuid, :alg::text, authority.clock())
    ) as given (tenant_id, alg, published_at)
    left join authority.signing_keys as current_key
        on
            given.tenant_id = current_key.tenant_id
            and given.alg = current_key.alg
            and current_key.activated_at is not null
            and current_key.retired_at is null
    on conflict (tenant_id, alg, (activated_at is null)) where retired_at is null
    do nothing
    returning
        signing_keys.kid,
        signing_keys.signs_from,
        signing_keys.activated_at
)

select
    case
        when published.kid is null then 'exists'
        when published.activated_at is null then 'next'
        else 'signing'
    end as outcome,
    published.kid,
    published.signs_from
from (values (:tenant_id::uuid)) as given (tenant_id)
left join published on true;

-- name: get_signing(tenant_id, alg)^
-- The key that signs with this algorithm now, with its encrypted private key, or no
-- row.
-- @row EncryptedSigningKey
-- @notnull private_key -- A check requires it of keys that are not retired.
-- @notnull encryption_key_id -- A check requires it of keys that are not retired.
select
    signing_keys.tenant_id,
    signing_keys.kid,
    signing_keys.alg,
    signing_keys.public_jwk,
    signing_keys.private_key,
    signing_keys.encryption_key_id
from authority.signing_keys
where
    signing_keys.tenant_id = :tenant_id
    and signing_keys.alg = :alg
    and signing_keys.activated_at is not null
    and signing_keys.retired_at is null;

-- name: get_jwks(tenant_id)^
-- The JWK Set (RFC 7517 section 5) that the jwks_uri returns: the public JWKs of the
-- next, the signing and the retired keys, in order of kid. At changes_at the next key
-- may begin to sign, or a retired one leaves the set. Null: no such time is known.
-- @row JsonWebKeySet
select
    jsonb_build_object(
        'keys',
        coalesce(
            jsonb_agg(signing_key_states.public_jwk order by signing_key_states.kid),
            '[]'
        )
    ) as document,
    min(
        case
            when signing_key_states.state = 'next' then signing_key_states.signs_from
            when signing_key_states.state = 'retired'
                then signing_key_states.published_until
        end
    ) as changes_at
from authority.signing_key_states
where
    signing_key_states.tenant_id = :tenant_id
    and signing_key_states.state in ('next', 'signing', 'retired');

-- name: list_states(tenant_id, after, page_size)
-- One key with its state, in order of kid, starting after the given one.
-- @row SigningKeyState
select
    signing_key_states.tenant_id,
    signing_key_states.kid,
    signing_key_states.alg,
    signing_key_states.state,
    signing_key_states.public_jwk,
    signing_key_states.encryption_key_id,
    signing_key_states.signs_from,
    signing_key_states.activated_at,
    signing_key_states.retired_at,
    signing_key_states.published_until,
    signing_key_states.compromised_at,
    signing_key_states.created_at,
    signing_key_states.updated_at
from authority.signing_key_states
where
    signing_key_states.tenant_id = :tenant_id
    and signing_key_states.kid > :after
order by signing_key_states.kid
limit :page_size;

-- name: rotate(tenant_id, alg, tokens_live_for)^
-- The outcome of making the next key of this algorithm the one that signs: rotated; or
-- not_due, because its signs_from is in the future; or no_next, because none is
-- published. The key that signed until now loses its private key and stays published
-- for tokens_live_for. Without one the next key does not wait.
--
-- The statement locks both keys and judges them after the wait, so that two rotations
-- at once make one.
-- @row SigningKeyRotation
-- @when outcome = rotated -- kid
-- @when outcome = not_due -- signs_from
with held as (
    select
        signing_keys.kid,
        signing_keys.activated_at,
        signing_keys.signs_from
    from authority.signing_keys
    where
        signing_keys.tenant_id = :tenant_id
        and signing_keys.alg = :alg
        and signing_keys.retired_at is null
    order by signing_keys.kid
    for no key update
),

judged as (
    select
        current_key.kid as current_kid,
        next_key.kid as next_kid,
        next_key.signs_from,
        given.rotated_at,
        case
            when next_key.kid is null then 'no_next'
            when
                current_key.kid is not null
                and next_key.signs_from > given.rotated_at
                then 'not_due'
            else 'rotated'
        end as outcome
    from (values (authority.clock())) as given (rotated_at)
    left join held as current_key on current_key.activated_at is not null
    left join held as next_key on next_key.activated_at is null
),

retired as (
    update authority.signing_keys
    set
        private_key = null,
        encryption_key_id = null,
        retired_at = judged.rotated_at,
        published_until = judged.rotated_at + :tokens_live_for::interval,
        updated_at = judged.rotated_at
    from judged
    where
        signing_keys.tenant_id = :tenant_id
        and signing_keys.kid = judged.current_kid
        and judged.outcome = 'rotated'
    returning
        signing_keys.kid,
        signing_keys.published_until
),

activated as (
    update authority.signing_keys
    set
        activated_at = judged.rotated_at,
        updated_at = judged.rotated_at
    from judged
    where
        signing_keys.tenant_id = :tenant_id
        and signing_keys.kid = judged.next_kid
        and judged.outcome = 'rotated'
        -- The old key leaves the unique index before the new one enters it.
        and (select count(*) from retired) >= 0
    returning signing_keys.kid
)

select
    judged.outcome,
    activated.kid,
    judged.signs_from,
    retired.kid as retired_kid,
    retired.published_until as retired_until
from judged
left join activated on true
left join retired on true;

-- name: withdraw_compromised(tenant_id, kid, reason, hint)^
-- The outcome of withdrawing a key that others may have: compromised; or
-- already_compromised; or unknown. The key leaves the key set, loses its private key,
-- and is published in the revocation feed with the category key and without an end. If
-- it signed, the next key of its algorithm signs from now on, even before its
-- signs_from. A null signing_kid: no key of this algorithm signs now, publish one.
-- @row SigningKeyWithdrawal
-- @when outcome = compromised -- alg, sequence
with target as (
    select signing_keys.alg
    from authority.signing_keys
    where
        signing_keys.tenant_id = :tenant_id
        and signing_keys.kid = :kid
),

held as (
    select
        signing_keys.kid,
        signing_keys.alg,
        signing_keys.activated_at,
        signing_keys.retired_at,
        signing_keys.compromised_at
    from target
    inner join authority.signing_keys
        on
            signing_keys.tenant_id = :tenant_id
            and target.alg = signing_keys.alg
    where signing_keys.kid = :kid or signing_keys.retired_at is null
    order by signing_keys.kid
    for no key update of signing_keys
),

judged as (
    select
        leaked.kid,
        leaked.alg,
        given.withdrawn_at,
        coalesce(current_key.kid, next_key.kid) as signing_kid,
        leaked.compromised_at is null and current_key.kid is null as is_activated,
        case
            when leaked.kid is null then 'unknown'
            when leaked.compromised_at is not null then 'already_compromised'
            else 'compromised'
        end as outcome
    from (values (authority.clock())) as given (withdrawn_at)
    left join held as leaked on leaked.kid = :kid
    left join held as current_key
        on
            current_key.activated_at is not null
            and current_key.retired_at is null
            and leaked.kid <> current_key.kid
    left join held as next_key
        on
            next_key.activated_at is null
            and next_key.retired_at is null
            and leaked.kid <> next_key.kid
),

withdrawn as (
    update authority.signing_keys
    set
        private_key = null,
        encryption_key_id = null,
        retired_at = coalesce(signing_keys.retired_at, judged.withdrawn_at),
        published_until = least(signing_keys.published_until, judged.withdrawn_at),
        compromised_at = judged.withdrawn_at,
        updated_at = judged.withdrawn_at
    from judged
    where
        signing_keys.tenant_id = :tenant_id
        and signing_keys.kid = judged.kid
        and judged.outcome = 'compromised'
    returning signing_keys.kid
),

activated as (
    update authority.signing_keys
    set
        activated_at = judged.withdrawn_at,
        updated_at = judged.withdrawn_at
    from judged
    where
        signing_keys.tenant_id = :tenant_id
        and signing_keys.kid = judged.signing_kid
        and judged.is_activated
        -- The old key leaves the unique index before the new one enters it.
        and (select count(*) from withdrawn) >= 0
),

next_sequence as (
    insert into authority.revocation_sequences (tenant_id, last_sequence)
    select
        :tenant_id,
        1 as last_sequence
    from withdrawn
    on conflict (tenant_id) do update
        set
            last_sequence = revocation_sequences.last_sequence + 1,
            updated_at = excluded.updated_at
    returning
        revocation_sequences.tenant_id,
        revocation_sequences.last_sequence,
        case
            when :hint and pg_catalog.pg_notification_queue_usage() < 0.5
                then pg_catalog.pg_notify(
                    'authority_revocations', revocation_sequences.tenant_id::text
                )
        end as hint
),

entry as (
    insert into authority.revocations (tenant_id, sequence, category, target, reason)
    select
        next_sequence.tenant_id,
        next_sequence.last_sequence,
        'key' as category,
        :kid,
        :reason
    from next_sequence
    returning revocations.sequence
)

select
    judged.outcome,
    judged.alg,
    judged.signing_kid,
    entry.sequence
from judged
left join entry on true;

-- name: list_encrypted_otherwise(tenant_id, encryption_key_id)
-- One key whose private key is encrypted under another id than this one, in order of
-- kid.
-- @row EncryptedSigningKey
-- @notnull private_key -- The condition on encryption_key_id excludes retired keys.
select
    signing_keys.tenant_id, signing_keys.kid, signing_keys.alg, signing_keys.public_jwk,
    signing_keys.private_key, signing_keys.encryption_key_id
from authority.signing_keys
where
    signing_keys.tenant_id = :tenant_id
    and signing_keys.encryption_key_id <> :encryption_key_id
order by signing_keys.kid;

-- name: replace_ciphertext(tenant_id, kid, old_private_key, private_key, encryption_key_id)!
-- Stores the private key under another encryption key, unless its ciphertext has
-- changed or the key was retired since it was read.
-- @param private_key notnull
-- @param encryption_key_id notnull
update authority.signing_keys
set
    private_key = :private_key,
    encryption_key_id = :encryption_key_id,
    updated_at = authority.clock()
where
    signing_keys.tenant_id = :tenant_id
    and signing_keys.kid = :kid
    and signing_keys.private_key = :old_private_key
    and signing_keys.retired_at is null;

-- name: prune_expired(older_than, batch_size)!
-- Deletes keys of all tenants that left the key set longer ago than older_than.
-- @plan cross_tenant -- The statement prunes for all tenants at once.
-- @plan seq_scan authority.signing_keys -- The generic plan assumes that batch_size is
--   a tenth of the rows. With its value each row is looked up by primary key.
-- @role authority_maintenance
with doomed as (
    select
        candidates.tenant_id,
        candidates.kid
    from authority.signing_keys as candidates
    where candidates.published_until < authority.clock() - :older_than::interval
    order by candidates.published_until
    limit :batch_size
    for update skip locked
)

delete from authority.signing_keys
using doomed
where
    signing_keys.tenant_id = doomed.tenant_id
    and signing_keys.kid = doomed.kid;
