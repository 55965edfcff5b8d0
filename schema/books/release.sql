-- Removes yoyo's lock, unless it is another lock than the one that was judged, or its
-- session is alive after all: a load balancer may have sent the look to a standby.
--
-- The parameters are the row, the process of its session, the time when it began, and
-- whether the session must have ended. Runs under search_path = pg_catalog.
delete from authority_yoyo.yoyo_lock
where
    to_jsonb(yoyo_lock)::text = $1
    and not exists (
        select from pg_stat_activity
        where
            pg_stat_activity.pid = $2
            and pg_stat_activity.datname = current_database()
            and $4
            and coalesce(pg_stat_activity.backend_start = $3::timestamptz, true)
    );
