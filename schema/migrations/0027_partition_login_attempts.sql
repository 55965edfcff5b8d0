-- Creates the functions that create, drop and prune the monthly partitions of a table,
-- and those with which operators do so for the log of sign-in attempts.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0027_partition_login_attempts');

create or replace function authority.create_partitions(
    parent regclass, months_ahead bigint
)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set lock_timeout = '50ms'
as $$
declare
    name constant name := (select relname from pg_class where oid = parent);
    month timestamp;
    child text;
    created bigint := 0;
begin
    if months_ahead is null or months_ahead not between 0 and 120 then
        raise invalid_parameter_value
        using message = 'months_ahead must be from 0 to 120';
    end if;
    <<months>>
    for month in
        select date_trunc('month', authority.clock() at time zone 'UTC')
            + make_interval(months => ahead.months::integer)
        from generate_series(0, months_ahead) as ahead (months)
    loop
        child := name || to_char(month, '"_y"YYYY"m"MM');
        for attempt in 1..40 loop
            continue months when to_regclass('authority.' || child) is not null;
            begin
                -- Of several calls that find it missing, one creates it.
                execute format('lock table %s in share update exclusive mode', parent);
                continue months when to_regclass('authority.' || child) is not null;
                execute format(
                    'create table authority.%1$I (
                        like %2$s including defaults including constraints,
                        constraint %1$s_created_at_check
                        check (created_at >= %3$L and created_at < %4$L)
                    );
                    comment on table authority.%1$I is %5$L;
                    call authority.isolate_tenants(''authority.%1$I'');
                    alter table %2$s attach partition authority.%1$I
                    for values from (%3$L) to (%4$L);
                    alter table authority.%1$I
                    drop constraint %1$s_created_at_check',
                    child,
                    parent,
                    month at time zone 'UTC',
                    (month + interval '1 month') at time zone 'UTC',
                    'Rows of ' || to_char(month, 'YYYY-MM') || ', UTC.'
                );
                created := created + 1;
                continue months;
            exception
                when check_violation then
                    continue months; -- the default partition has rows of this month
                when lock_not_available then
                    -- This month has no lock now. Another month keeps its own.
                    exit months when created > 0;
                    if attempt = 40 then
                        raise;
                    end if;
                    perform pg_sleep(0.05 + 0.1 * random());
            end;
        end loop;
    end loop;
    return created;
end
$$;

comment on function authority.create_partitions(regclass, bigint) is
'Creates the missing partitions of this month and the next months_ahead months, at most
120, and returns how many it created. Skips a month that already has rows in the default
partition. Attaches each partition, so that inserts continue in months that have one.
Locks and scans the default partition, and changes no tenant. Waits at most 50 ms for a
lock, because others wait behind it, and gives up after 40 tries in 2 to 8 s.';

create or replace function authority.drop_partitions(
    parent regclass, retention interval
)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
    child text;
    dropped bigint := 0;
begin
    if retention is null or retention < interval '0' then
        raise invalid_parameter_value using message = 'retention must be 0 or more';
    end if;
    <<children>>
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
            where pg_inherits.inhparent = parent
        ) as bounds
        where bounds.ends_at <= authority.clock() - retention
        order by bounds.ends_at
    loop
        for attempt in 1..40 loop
            begin
                -- Of several calls that find it too old, one drops it.
                execute format('lock table %s in share update exclusive mode', parent);
                continue children when to_regclass(child) is null;
                execute format('drop table %s', child);
                dropped := dropped + 1;
                continue children;
            exception when lock_not_available then
                exit children when dropped > 0;
                if attempt = 40 then
                    raise;
                end if;
                perform pg_sleep(0.05 + 0.1 * random());
            end;
        end loop;
    end loop;
    return dropped;
end
$$;

comment on function authority.drop_partitions(regclass, interval) is
'Drops the partitions whose upper bound is older than the retention, and returns how
many. Never drops a row younger than the retention. Locks the table briefly: waits at
most 50 ms, because others wait behind it, and gives up after 40 tries in 2 to 8 s.';

create or replace function authority.prune_default_partition(
    parent regclass, retention interval, batch_size bigint
)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
    child constant regclass := format(
        'authority.%I', (select relname from pg_class where oid = parent) || '_default'
    )::regclass;
    tenant_before constant text := current_setting('authority.tenant_id', true);
    tenant uuid;
    deleted bigint;
    pruned bigint := 0;
begin
    if retention is null or retention < interval '0' then
        raise invalid_parameter_value using message = 'retention must be 0 or more';
    end if;
    -- Row-level security applies to the owner too, so that it works tenant by tenant.
    for tenant in select tenants.id from authority.tenants order by tenants.id
    loop
        exit when pruned >= batch_size;
        perform set_config('authority.tenant_id', tenant::text, true);
        execute format(
            'delete from %1$s as held where held.ctid = any(array('
            'select candidates.ctid from %1$s as candidates '
            'where candidates.tenant_id = $1 and candidates.created_at < $2 '
            'order by candidates.created_at limit $3 for update skip locked))',
            child
        ) using tenant, authority.clock() - retention, batch_size - pruned;
        get diagnostics deleted = row_count;
        pruned := pruned + deleted;
    end loop;
    perform set_config('authority.tenant_id', tenant_before, true);
    return pruned;
end
$$;

comment on function authority.prune_default_partition(regclass, interval, bigint) is
'Deletes up to batch_size rows older than the retention from the default partition,
which is never dropped, and returns how many.';

create or replace function authority.create_login_attempt_partitions(
    months_ahead bigint
)
returns bigint
language sql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as 'select authority.create_partitions(''authority.login_attempts'', months_ahead)';

comment on function authority.create_login_attempt_partitions(bigint) is
'Creates the missing partitions of the log of sign-in attempts: create_partitions. Runs
as its owner, because only the owner of a table can attach a partition.';

create or replace function authority.drop_login_attempt_partitions(retention interval)
returns bigint
language sql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as 'select authority.drop_partitions(''authority.login_attempts'', retention)';

comment on function authority.drop_login_attempt_partitions(interval) is
'Drops the old partitions of the log of sign-in attempts: drop_partitions. Runs as its
owner, because only the owner can drop a table.';

create or replace function authority.prune_default_login_attempts(
    retention interval, batch_size bigint
)
returns bigint
language sql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as 'select authority.prune_default_partition(''authority.login_attempts'', $1, $2)';

comment on function authority.prune_default_login_attempts(interval, bigint) is
'Deletes old attempts from the default partition: prune_default_partition. Runs as its
owner, because no other role has privileges on a partition.';

revoke execute on function
authority.create_partitions(regclass, bigint),
authority.drop_partitions(regclass, interval),
authority.prune_default_partition(regclass, interval, bigint),
authority.create_login_attempt_partitions(bigint),
authority.drop_login_attempt_partitions(interval),
authority.prune_default_login_attempts(interval, bigint)
from public;
grant execute on function
authority.create_login_attempt_partitions(bigint),
authority.drop_login_attempt_partitions(interval),
authority.prune_default_login_attempts(interval, bigint)
to authority_maintenance;
