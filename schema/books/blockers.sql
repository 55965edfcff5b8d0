-- The sessions that the running migration waits for. Runs under search_path =
-- pg_catalog. Statements are not shown, because they may have values.
select distinct
    case
        when blocking.pid = 0 then 'a prepared transaction'
        else format(
            'process %s of role %s (%s)',
            blocking.pid,
            coalesce(pg_stat_activity.usename, 'unknown'),
            concat_ws(
                ', ',
                nullif(pg_stat_activity.application_name, ''),
                pg_stat_activity.client_addr,
                'in a transaction for '
                || date_trunc('second', clock_timestamp() - pg_stat_activity.xact_start)
            )
        )
    end as description
from pg_locks
cross join lateral unnest(pg_blocking_pids(pg_locks.pid)) as blocking (pid)
left join pg_stat_activity on blocking.pid = pg_stat_activity.pid
where
    pg_locks.locktype = 'advisory'
    and (pg_locks.classid, pg_locks.objid, pg_locks.objsubid) = (1635087464, 1, 2)
    and pg_locks.database = (
        select pg_database.oid from pg_database
        where pg_database.datname = current_database()
    )
order by description;
