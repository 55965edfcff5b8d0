-- A function that can do more than who calls it, and is not known to need that: one
-- that runs as its owner, or one that may look at a row before a policy does
-- (leakproof).
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
        'Nobody is given a partition, and row-level security holds its owner.'
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
