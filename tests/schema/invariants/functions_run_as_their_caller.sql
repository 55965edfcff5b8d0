-- A function that can do more than its caller, and is not listed as needing that: it
-- runs as its owner, or it may read a row before a policy does (leakproof).
with known (name, reason) as (
    values
    (
        'authority.find_tenant(text)',
        'A tenant has to be found before anybody can work for it.'
    ),
    (
        'authority.create_login_attempt_partitions(bigint)',
        'Only the owner of a table can attach a partition to it.'
    ),
    (
        'authority.drop_login_attempt_partitions(interval)',
        'Only the owner of a table can drop it.'
    ),
    (
        'authority.prune_default_login_attempts(interval,bigint)',
        'No role has a privilege on a partition, and policies apply to its owner.'
    ),
    (
        'authority.create_audit_event_partitions(bigint)',
        'Only the owner of a table can attach a partition to it.'
    ),
    (
        'authority.drop_audit_event_partitions(interval)',
        'Only the owner of a table can drop it.'
    ),
    (
        'authority.prune_default_audit_events(interval,bigint)',
        'No role has a privilege on a partition, and policies apply to its owner.'
    ),
    (
        'authority.record_change()',
        'No role that changes a table can write or forge the event of its change.'
    ),
    (
        'authority.seal_audit_events(bigint)',
        'No role may change an event.'
    ),
    (
        'authority.list_audit_months(uuid)',
        'Operators read no event.'
    ),
    (
        'authority.verify_audit_events(uuid,date,bigint,bytea,bigint)',
        'Operators read no event. It returns numbers and digests.'
    ),
    (
        'authority.erase_tenant(uuid,bigint)',
        'Operators read and delete almost none of a tenant''s rows.'
    ),
    (
        'authority.erase_user(uuid,uuid,text[],interval,boolean,bigint)',
        'Operators read and delete almost none of a user''s rows.'
    ),
    (
        'authority.publish_revocation()',
        'Whoever ends a token publishes it, and operators may not write to the feed.'
    ),
    (
        'authority.publish_consent()',
        'Whoever ends a token publishes it, and operators may not write to the feed.'
    ),
    (
        'authority.publish_end()',
        'Whoever ends a token publishes it, and operators may not write to the feed.'
    ),
    (
        'authority.find_user(uuid,text)',
        'Operators read no users, and the caller of an export has no tenant yet.'
    ),
    (
        'authority.watch_backlogs(interval,interval,interval,bigint)',
        'A reader reads one tenant. It returns counts and times.'
    ),
    (
        'authority.watch_work(interval,bigint)',
        'A reader reads one tenant. It returns counts and times.'
    ),
    (
        'authority.watch_tenants()',
        'A reader reads one tenant. It returns counts.'
    ),
    (
        'authority.find_migration_lock()',
        'No other role reads yoyo''s tables. It returns a time.'
    )
)

select functions.oid::regprocedure::text as offender
from pg_catalog.pg_proc as functions
where
    functions.pronamespace = 'authority'::regnamespace
    and (
        functions.proleakproof
        or functions.prosecdef
        and functions.oid::regprocedure::text not in (select known.name from known)
    );
