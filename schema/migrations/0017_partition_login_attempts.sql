-- Creates the functions that add and drop the monthly partitions of the log of sign-in
-- attempts.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '5s';
set local statement_timeout = '60s';
set local role authority_owner;

create or replace function authority.create_login_attempt_partitions(
    months_ahead bigint
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set lock_timeout = '2s'
as $$
declare
    month timestamp;
    child text;
    created bigint := 0;
begin
    if months_ahead is null or months_ahead not between 0 and 120 then
        raise invalid_parameter_value
        using message = 'months_ahead must be from 0 to 120';
    end if;
    for month in
        select generate_series(
            date_trunc('month', authority.clock() at time zone 'UTC'),
            date_trunc('month', authority.clock() at time zone 'UTC')
            + make_interval(months => months_ahead::integer),
            '1 month'
        )
    loop
        child := 'login_attempts_' || to_char(month, '"y"YYYY"m"MM');
        continue when to_regclass('authority.' || child) is not null;
        -- Of several that find it missing one makes it.
        lock table authority.login_attempts in share update exclusive mode;
        continue when to_regclass('authority.' || child) is not null;
        begin
            execute format(
                'create table authority.%1$I (
                    like authority.login_attempts
                    including defaults including constraints,
                    constraint %2$I check (created_at >= %3$L and created_at < %4$L)
                )',
                child,
                child || '_created_at_check',
                month at time zone 'UTC',
                (month + interval '1 month') at time zone 'UTC'
            );
            execute format(
                'comment on table authority.%I is %L',
                child,
                'Attempts of ' || to_char(month, 'YYYY-MM') || ', UTC.'
            );
            call authority.isolate_tenants(format('authority.%I', child)::regclass);
            execute format(
                'alter table authority.login_attempts attach partition authority.%I '
                'for values from (%L) to (%L)',
                child,
                month at time zone 'UTC',
                (month + interval '1 month') at time zone 'UTC'
            );
            execute format(
                'alter table authority.%I drop constraint %I',
                child,
                child || '_created_at_check'
            );
        exception when check_violation then
            continue; -- the default partition has rows of the month
        end;
        created := created + 1;
    end loop;
    return created;
end
$$;

comment on function authority.create_login_attempt_partitions(bigint) is
'Makes the partitions of this month and of months_ahead more, and returns how many
were missing. A month that already has rows in the default partition is left there.
Attaches, so that sign-ins of months that have a partition go on meanwhile; the default
partition is locked and looked through, and no tenant changes. Gives up after 2 s of
waiting. months_ahead is at most 120. Runs as its owner, because only the owner of a
table can attach to it.';

create or replace function authority.drop_login_attempt_partitions(retention interval)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
    child text;
    dropped bigint := 0;
begin
    if retention is null or retention < interval '0' then
        raise invalid_parameter_value using message = 'a retention is 0 or more';
    end if;
    for child in
        select bounds.child
        from (
            select
                partitions.oid::regclass::text as child,
                substring(
                    pg_get_expr(partitions.relpartbound, partitions.oid)
                    from 'TO [(]''([^'']+)''[)]'
                )::timestamptz as ends_at
            from pg_inherits
            inner join pg_class as partitions on pg_inherits.inhrelid = partitions.oid
            where pg_inherits.inhparent = 'authority.login_attempts'::regclass
        ) as bounds
        where bounds.ends_at <= authority.clock() - retention
        order by bounds.ends_at
    loop
        -- Of several that find it too old one drops it.
        lock table authority.login_attempts in share update exclusive mode;
        continue when to_regclass(child) is null;
        execute format('drop table %s', child);
        dropped := dropped + 1;
    end loop;
    return dropped;
end
$$;

comment on function authority.drop_login_attempt_partitions(interval) is
'Drops the partitions that end before the retention begins, by their own bounds, and
returns how many: an attempt younger than the retention is never dropped. Locks the log
for the moment that it takes, and gives up after 2 s of waiting. Runs as its owner,
because only the owner of a table can drop it.';

create or replace function authority.prune_default_login_attempts(
    retention interval, batch_size bigint
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    tenant uuid;
    deleted bigint;
    pruned bigint := 0;
begin
    if retention is null or retention < interval '0' then
        raise invalid_parameter_value using message = 'a retention is 0 or more';
    end if;
    -- Row-level security holds the owner too: it works for each tenant in turn.
    for tenant in select tenants.id from authority.tenants order by tenants.id
    loop
        exit when pruned >= batch_size;
        perform set_config('authority.tenant_id', tenant::text, true);
        delete from authority.login_attempts_default
        where login_attempts_default.ctid = any(array(
            select candidates.ctid
            from authority.login_attempts_default as candidates
            where
                candidates.tenant_id = tenant
                and candidates.created_at < authority.clock() - retention
            order by candidates.created_at
            limit batch_size - pruned
            for update skip locked
        ));
        get diagnostics deleted = row_count;
        pruned := pruned + deleted;
    end loop;
    perform set_config('authority.tenant_id', tenant_before, true);
    return pruned;
end
$$;

comment on function authority.prune_default_login_attempts(interval, bigint) is
'Deletes up to batch_size attempts older than the retention from the default partition,
which is never dropped, and returns how many. Runs as its owner, because nobody is given
a partition.';

revoke execute on function authority.create_login_attempt_partitions(bigint)
from public;
grant execute on function authority.create_login_attempt_partitions(bigint)
to authority_maintenance;
revoke execute on function authority.drop_login_attempt_partitions(interval)
from public;
grant execute on function authority.drop_login_attempt_partitions(interval)
to authority_maintenance;
revoke execute on function authority.prune_default_login_attempts(interval, bigint)
from public;
grant execute on function authority.prune_default_login_attempts(interval, bigint)
to authority_maintenance;
