-- name: get_database()^
-- Size, age, statistics and settings of the present database: one row. The ages are in
-- transactions: at about 2^31 the database accepts no more writes. The size is null for
-- a role that may not connect.
-- @row DatabaseStats
-- @notnull notification_queue_usage -- The function returns a share of the queue.
-- @notnull is_standby -- The function returns a boolean.
-- @notnull sees_all_sessions -- The role exists on every server.
-- @notnull schema_version -- The function returns a constant.
-- @role authority_reader
select
    case
        when has_database_privilege(pg_database.oid, 'connect')
            then pg_database_size(pg_database.oid)
    end as size_bytes,
    age(pg_database.datfrozenxid) as xid_age,
    mxid_age(pg_database.datminmxid) as multixact_age,
    stats.xact_commit as commits,
    stats.xact_rollback as rollbacks,
    stats.deadlocks,
    stats.temp_bytes,
    stats.stats_reset,
    current_setting('max_connections')::integer as max_connections,
    pg_is_in_recovery() as is_standby,
    pg_notification_queue_usage() as notification_queue_usage,
    pg_has_role('pg_read_all_stats', 'usage') as sees_all_sessions,
    authority.schema_version() as schema_version,
    authority.find_migration_lock() as locked_since,
    authority.clock() as taken_at
from pg_catalog.pg_database
inner join pg_catalog.pg_stat_database as stats on pg_database.oid = stats.datid
where pg_database.datname = current_database();

-- name: list_tables()
-- One table with all its partitions. The numbers of rows are estimates. The times are
-- those of the partition that was last vacuumed or analyzed, by hand or automatically.
-- @row TableStats
-- @role authority_reader
with recursive members as (
    select
        pg_class.oid as root,
        pg_class.oid
    from pg_catalog.pg_class
    where
        pg_class.relnamespace = to_regnamespace('authority')
        and pg_class.relkind in ('r', 'p')
        and not pg_class.relispartition
    union all
    select
        members.root,
        pg_inherits.inhrelid as oid
    from members
    inner join pg_catalog.pg_inherits on members.oid = pg_inherits.inhparent
),

stored as (
    select
        members.root,
        pg_class.reltuples,
        age(pg_class.relfrozenxid) as xid_age,
        pg_relation_size(pg_class.oid) as heap_bytes,
        pg_indexes_size(pg_class.oid) as index_bytes,
        pg_total_relation_size(pg_class.oid) as size_bytes,
        stats.n_live_tup,
        stats.n_dead_tup,
        stats.n_tup_ins,
        stats.n_tup_upd,
        stats.n_tup_hot_upd,
        stats.n_tup_del,
        greatest(stats.last_vacuum, stats.last_autovacuum) as last_vacuum,
        greatest(stats.last_analyze, stats.last_autoanalyze) as last_analyze
    from members
    inner join pg_catalog.pg_class on members.oid = pg_class.oid
    left join pg_catalog.pg_stat_all_tables as stats on members.oid = stats.relid
    where pg_class.relkind = 'r'
)

select
    pg_class.relname::text as name,
    count(*) as partitions,
    sum(greatest(stored.reltuples, stored.n_live_tup, 0))::bigint as live_rows,
    coalesce(sum(stored.n_dead_tup), 0)::bigint as dead_rows,
    sum(stored.heap_bytes)::bigint as heap_bytes,
    sum(stored.index_bytes)::bigint as index_bytes,
    sum(stored.size_bytes)::bigint as size_bytes,
    max(stored.xid_age) as xid_age,
    coalesce(sum(stored.n_tup_ins), 0)::bigint as inserted,
    coalesce(sum(stored.n_tup_upd), 0)::bigint as updated,
    coalesce(sum(stored.n_tup_hot_upd), 0)::bigint as updated_in_page,
    coalesce(sum(stored.n_tup_del), 0)::bigint as deleted,
    max(stored.last_vacuum) as last_vacuum,
    max(stored.last_analyze) as last_analyze
from stored
inner join pg_catalog.pg_class on stored.root = pg_class.oid
group by pg_class.relname
order by pg_class.relname;

-- name: list_indexes()
-- One index with those of all partitions. A unique one is needed even if no query reads
-- it.
-- @row IndexStats
-- @role authority_reader
with recursive members as (
    select
        pg_index.indexrelid as root,
        pg_index.indexrelid as oid
    from pg_catalog.pg_index
    inner join pg_catalog.pg_class on pg_index.indexrelid = pg_class.oid
    where
        pg_class.relnamespace = to_regnamespace('authority')
        and not pg_class.relispartition
    union all
    select
        members.root,
        pg_inherits.inhrelid as oid
    from members
    inner join pg_catalog.pg_inherits on members.oid = pg_inherits.inhparent
),

stored as (
    select
        members.root,
        sum(pg_relation_size(members.oid))::bigint as size_bytes,
        coalesce(sum(stats.idx_scan), 0)::bigint as scans
    from members
    left join pg_catalog.pg_stat_all_indexes as stats on members.oid = stats.indexrelid
    group by members.root
)

select
    pg_class.relname::text as name,
    tables.relname::text as table_name,
    pg_index.indisunique as is_unique,
    pg_index.indisvalid as is_valid,
    stored.size_bytes,
    stored.scans
from stored
inner join pg_catalog.pg_class on stored.root = pg_class.oid
inner join pg_catalog.pg_index on stored.root = pg_index.indexrelid
inner join pg_catalog.pg_class as tables on pg_index.indrelid = tables.oid
order by tables.relname, pg_class.relname;

-- name: list_partitions()
-- One table with monthly partitions: for how many months from this one it has them
-- without a gap, when its oldest one ends, and the default partition, which receives
-- the rows of months without one. The number of its rows is an estimate.
-- @row PartitionStats
-- @role authority_reader
with bounds as (
    select
        pg_inherits.inhparent as parent,
        pg_inherits.inhrelid as child,
        case
            when pg_get_expr(partitions.relpartbound, partitions.oid) <> 'DEFAULT'
                then substring(
                    pg_get_expr(partitions.relpartbound, partitions.oid)
                    from 'FROM [(]''([^'']+)''[)]'
                )::timestamptz
        end as starts_at
    from pg_catalog.pg_inherits
    inner join pg_catalog.pg_class as parents on pg_inherits.inhparent = parents.oid
    inner join pg_catalog.pg_class as partitions
        on pg_inherits.inhrelid = partitions.oid
    where
        parents.relnamespace = to_regnamespace('authority')
        and parents.relkind = 'p'
)

select
    pg_class.relname::text as table_name,
    count(bounds.starts_at) as months,
    (
        select count(*)
        from generate_series(0, 120) as ahead (months)
        where not exists (
            select from generate_series(0, ahead.months) as wanted (months)
            where not exists (
                select from bounds as covered
                where
                    covered.parent = pg_class.oid
                    and covered.starts_at
                    = (
                        date_trunc('month', authority.clock() at time zone 'UTC')
                        + make_interval(months => wanted.months)
                    ) at time zone 'UTC'
            )
        )
    ) as months_from_now,
    min(bounds.starts_at) as oldest_month,
    coalesce(
        sum(pg_relation_size(bounds.child)) filter (where bounds.starts_at is null), 0
    )::bigint as default_bytes,
    coalesce(
        sum(stats.n_live_tup) filter (where bounds.starts_at is null), 0
    )::bigint as default_rows
from bounds
inner join pg_catalog.pg_class on bounds.parent = pg_class.oid
left join pg_catalog.pg_stat_all_tables as stats on bounds.child = stats.relid
group by pg_class.oid, pg_class.relname
order by pg_class.relname;

-- name: list_connections()
-- How many sessions of this database log in as a member of one role, in one state. The
-- state is null for sessions that the login may not see.
-- @row ConnectionStats
-- @role authority_reader
with logins as (
    select
        pg_roles.oid,
        case
            when pg_roles.rolsuper then 'superuser'
            when pg_has_role(pg_roles.oid, 'pg_database_owner', 'member') then 'owner'
            when pg_has_role(pg_roles.oid, 'authority_maintenance', 'member')
                then 'authority_maintenance'
            when pg_has_role(pg_roles.oid, 'authority_app', 'member')
                then 'authority_app'
            when pg_has_role(pg_roles.oid, 'authority_reader', 'member')
                then 'authority_reader'
            else 'other'
        end as role
    from pg_catalog.pg_roles
)

select
    logins.role,
    sessions.state,
    count(*) as sessions
from pg_catalog.pg_stat_activity as sessions
inner join logins on sessions.usesysid = logins.oid
where
    sessions.datname = current_database()
    and (sessions.backend_type is null or sessions.backend_type = 'client backend')
group by logins.role, sessions.state
order by logins.role, sessions.state;

-- name: list_horizons()
-- One kind of what keeps vacuum from removing dead rows: how many there are, for how
-- long the longest has run, how many transactions ago the oldest snapshot was taken,
-- and how much WAL it retains. A null says that the login may not see it, or that the
-- kind has no such figure.
-- @row HorizonStats
-- @role authority_reader
with visible as (
    select
        pg_has_role('pg_read_all_stats', 'usage') as sees_all_sessions,
        authority.clock() as moment
)

select
    'transaction' as holder,
    case when visible.sees_all_sessions then count(sessions.xact_start) end as holders,
    case
        when visible.sees_all_sessions then coalesce(
            extract(epoch from visible.moment - min(sessions.xact_start)), 0
        )::double precision
    end as age_seconds,
    case
        when visible.sees_all_sessions
            then coalesce(max(age(sessions.backend_xmin)), 0)
    end as xid_age,
    null::bigint as retained_bytes
from visible
left join pg_catalog.pg_stat_activity as sessions
    on
        sessions.datname = current_database()
        and sessions.pid <> pg_backend_pid()
        and sessions.xact_start is not null
group by visible.sees_all_sessions, visible.moment
union all
select
    'idle_transaction' as holder,
    case when visible.sees_all_sessions then count(sessions.xact_start) end as holders,
    case
        when visible.sees_all_sessions then coalesce(
            extract(epoch from visible.moment - min(sessions.state_change)), 0
        )::double precision
    end as age_seconds,
    case
        when visible.sees_all_sessions
            then coalesce(max(age(sessions.backend_xmin)), 0)
    end as xid_age,
    null::bigint as retained_bytes
from visible
left join pg_catalog.pg_stat_activity as sessions
    on
        sessions.datname = current_database()
        and sessions.state like 'idle in transaction%'
group by visible.sees_all_sessions, visible.moment
union all
select
    'prepared' as holder,
    count(pg_prepared_xacts.transaction) as holders,
    coalesce(
        extract(epoch from visible.moment - min(pg_prepared_xacts.prepared)), 0
    )::double precision as age_seconds,
    coalesce(max(age(pg_prepared_xacts.transaction)), 0) as xid_age,
    null::bigint as retained_bytes
from visible
left join pg_catalog.pg_prepared_xacts
    on pg_prepared_xacts.database = current_database()
group by visible.moment
union all
select
    'slot' as holder,
    count(*) as holders,
    null::double precision as age_seconds,
    coalesce(
        max(
            greatest(
                age(pg_replication_slots.xmin), age(pg_replication_slots.catalog_xmin)
            )
        ),
        0
    ) as xid_age,
    coalesce(
        max(
            pg_wal_lsn_diff(
                case
                    when pg_is_in_recovery() then pg_last_wal_replay_lsn()
                    else pg_current_wal_lsn()
                end,
                pg_replication_slots.restart_lsn
            )
        ),
        0
    )::bigint as retained_bytes
from pg_catalog.pg_replication_slots
union all
select
    'standby' as holder,
    case when visible.sees_all_sessions then count(standbys.pid) end as holders,
    case
        when visible.sees_all_sessions
            then coalesce(extract(epoch from max(standbys.replay_lag)), 0)
    end::double precision as age_seconds,
    case
        when visible.sees_all_sessions
            then coalesce(max(age(standbys.backend_xmin)), 0)
    end as xid_age,
    null::bigint as retained_bytes
from visible
left join pg_catalog.pg_stat_replication as standbys on true
group by visible.sees_all_sessions, visible.moment;

-- name: list_backlogs(kept_expired, kept_consents, kept_usage, most)
-- One step of pruning: how many rows it has left, at most this many, and since when the
-- oldest is due.
-- @row BacklogStats
-- @param kept_expired notnull
-- @param kept_consents notnull
-- @param kept_usage notnull
-- @param most notnull
-- @notnull prune_step -- The function returns a name.
-- @notnull left_rows -- The function returns a count.
-- @role authority_reader
select
    backlogs.prune_step,
    backlogs.left_rows,
    backlogs.due_since
from
    authority.watch_backlogs(
        :kept_expired, :kept_consents, :kept_usage, :most
    ) as backlogs;

-- name: list_work(recent, most)
-- How many items of one kind there are, at most this many, and the times of the oldest
-- and the latest.
-- @row WorkStats
-- @param recent notnull
-- @param most notnull
-- @notnull kind -- The function returns a name.
-- @notnull items -- The function returns a count.
-- @role authority_reader
select
    work.kind,
    work.items,
    work.oldest,
    work.latest
from authority.watch_work(:recent, :most) as work;

-- name: list_tenants()
-- How many tenants have one status.
-- @row TenantStats
-- @notnull status -- The function returns a status.
-- @notnull tenants -- The function returns a count.
-- @role authority_reader
select
    counted.status,
    counted.tenants
from authority.watch_tenants() as counted;
