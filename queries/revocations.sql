-- name: publish(tenant_id, category, target, reason, properties, effective_at, expires_at, hint)^
-- The new entry at the end of the tenant's feed. Other publishers of the tenant
-- wait until this transaction ends. A null effective_at means now. With a hint the
-- commit notifies followers of the tenant's id and of nothing else. While half of
-- the server's notification queue is in use no notification is sent, because a
-- full queue would fail the commit; followers then read the entry when they poll.
-- @row Revocation
with given as (
    select authority.clock() as moment
),

next_sequence as (
    insert into authority.revocation_sequences (tenant_id, last_sequence)
    values (:tenant_id, 1)
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
)

insert into authority.revocations (
    tenant_id,
    sequence,
    category,
    target,
    reason,
    properties,
    effective_at,
    expires_at
)
select
    next_sequence.tenant_id,
    next_sequence.last_sequence,
    :category,
    :target,
    :reason,
    :properties,
    coalesce(:effective_at, given.moment) as effective_at,
    :expires_at
from next_sequence
cross join given
returning
    revocations.tenant_id,
    revocations.sequence,
    revocations.category,
    revocations.target,
    revocations.scopes,
    revocations.resources,
    revocations.authorization_details,
    revocations.reason,
    revocations.properties,
    revocations.effective_at,
    revocations.expires_at,
    revocations.created_at;

-- name: list_since(tenant_id, sequence, page_size)
-- One entry after this position, in order of sequence: what a follower has not
-- read.
-- @row Revocation
select
    revocations.tenant_id, revocations.sequence, revocations.category,
    revocations.target, revocations.scopes, revocations.resources,
    revocations.authorization_details, revocations.reason, revocations.properties,
    revocations.effective_at, revocations.expires_at, revocations.created_at
from authority.revocations
where
    revocations.tenant_id = :tenant_id
    and revocations.sequence > :sequence
order by revocations.sequence
limit :page_size;

-- name: get_position(tenant_id)$
-- The number of the newest entry of the tenant's feed, pruned or not; 0 for an
-- empty feed.
select coalesce((
    select revocation_sequences.last_sequence
    from authority.revocation_sequences
    where revocation_sequences.tenant_id = :tenant_id
), 0) as last_sequence;

-- name: list_heads(tenant_ids)
-- Where the feed of one of these tenants ends, for a verifier that follows many
-- tenants: the newest number (0 for an empty feed), when it was published, and the
-- server's clock. A tenant that is unknown, suspended or terminated has no row.
-- @row FeedHead
-- @notnull tenant_id -- It is the id of an active tenant.
-- @notnull last_sequence -- The function replaces null by 0.
-- @param tenant_ids notnull
select
    heads.tenant_id,
    heads.last_sequence,
    heads.published_at,
    authority.clock() as moment
from authority.find_feed_heads(:tenant_ids) as heads;

-- name: listen()#
-- Subscribes the session to the notifications of all publications, which carry the
-- tenant's id. Followers must not depend on them: a notification does not survive
-- a lost connection.
listen authority_revocations;

-- name: find_active(tenant_id, category, after, most, page_size)^
-- The sequences of entries that are in force now, in order, starting after the
-- given one: at most page_size, among the first `most` entries. If page_size was not
-- reached, examined_to is the sequence of the last of these, and null when all were
-- examined. A null category keeps all.
-- @row FoundSequences
with examined as materialized (
    select
        revocations.sequence as id,
        revocations.category,
        revocations.effective_at,
        revocations.expires_at
    from authority.revocations
    where
        revocations.tenant_id = :tenant_id
        and revocations.sequence > :after
    order by revocations.sequence
    limit :most
),

found as materialized (
    select
        array(
            select examined.id
            from examined
            where
                (:category::text is null or examined.category = :category)
                and examined.effective_at <= authority.clock()
                and (
                    examined.expires_at is null
                    or examined.expires_at > authority.clock()
                )
            -- In the order of examined: a sort would look up all of its rows.
            limit :page_size -- noqa: AM09
        ) as ids
)

select
    found.ids,
    case
        when
            cardinality(found.ids) < :page_size
            and (select count(*) from examined) = :most
            then (
                select examined.id from examined
                order by examined.id desc limit 1
            )
    end as examined_to
from found;

-- name: find_active_by_target(tenant_id, category, target, after, most, page_size)^
-- The sequences of entries for this target that are in force now, otherwise as
-- find_active.
-- @row FoundSequences
with examined as materialized (
    select
        revocations.sequence as id,
        revocations.category,
        revocations.effective_at,
        revocations.expires_at
    from authority.revocations
    where
        revocations.tenant_id = :tenant_id
        and revocations.target = :target
        and revocations.sequence > :after
    order by revocations.sequence
    limit :most
),

found as materialized (
    select
        array(
            select examined.id
            from examined
            where
                (:category::text is null or examined.category = :category)
                and examined.effective_at <= authority.clock()
                and (
                    examined.expires_at is null
                    or examined.expires_at > authority.clock()
                )
            -- In the order of examined: a sort would look up all of its rows.
            limit :page_size -- noqa: AM09
        ) as ids
)

select
    found.ids,
    case
        when
            cardinality(found.ids) < :page_size
            and (select count(*) from examined) = :most
            then (
                select examined.id from examined
                order by examined.id desc limit 1
            )
    end as examined_to
from found;

-- name: list_by_sequences(tenant_id, sequences)
-- One of these entries, in order of sequence.
-- @row Revocation
select
    revocations.tenant_id, revocations.sequence, revocations.category,
    revocations.target, revocations.scopes, revocations.resources,
    revocations.authorization_details, revocations.reason, revocations.properties,
    revocations.effective_at, revocations.expires_at, revocations.created_at
from authority.revocations
where
    revocations.tenant_id = :tenant_id
    and revocations.sequence = any(:sequences::bigint[])
order by revocations.sequence;

-- name: prune_expired(older_than, batch_size)!
-- Deletes entries of all tenants that expired longer ago than older_than.
-- @plan cross_tenant -- The statement prunes for all tenants at once.
-- @plan seq_scan authority.revocations -- The generic plan assumes that batch_size is a
--   tenth of the rows. With its value each row is looked up by primary key.
-- @role authority_maintenance
with doomed as (
    select
        candidates.tenant_id,
        candidates.sequence
    from authority.revocations as candidates
    where candidates.expires_at < authority.clock() - :older_than::interval
    order by candidates.expires_at
    limit :batch_size
    for update skip locked
)

delete from authority.revocations
using doomed
where
    revocations.tenant_id = doomed.tenant_id
    and revocations.sequence = doomed.sequence;

-- name: prune_superseded(older_than, batch_size)!
-- Deletes entries of all tenants that never expire and that a later entry for the
-- same target makes superfluous. The later entry never expires either, refuses
-- everything that they refuse, is in force, and was published longer ago than
-- older_than.
-- @plan cross_tenant -- The statement prunes for all tenants at once.
-- @plan full_index_scan revocations_tenant_id_category_target_sequence_idx -- The index
--   has one entry for each target after a run, and one for each entry that was
--   published since.
-- @role authority_maintenance
with doomed as (
    select
        candidates.tenant_id,
        candidates.sequence
    from authority.revocations as candidates
    where
        candidates.expires_at is null
        and exists (
            select from authority.revocations as later
            where
                later.tenant_id = candidates.tenant_id
                and later.category = candidates.category
                and later.target = candidates.target
                and later.sequence > candidates.sequence
                and later.expires_at is null
                and later.effective_at >= candidates.effective_at
                and later.effective_at <= authority.clock()
                and later.created_at < authority.clock() - :older_than::interval
        )
    order by candidates.tenant_id, candidates.sequence
    limit :batch_size
    for update skip locked
)

delete from authority.revocations
using doomed
where
    revocations.tenant_id = doomed.tenant_id
    and revocations.sequence = doomed.sequence;
