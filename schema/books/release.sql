-- Removes yoyo's lock, unless it is another lock than the one that was judged, or its
-- session is alive after all: a load balancer may have sent the look to a standby.
--
-- Runs under search_path = pg_catalog.
delete from authority_yoyo.yoyo_lock
where
    to_jsonb(yoyo_lock)::text = %(contents)s
    and not exists (
        select from pg_stat_activity
        where
            pg_stat_activity.pid = %(pid)s
            and pg_stat_activity.datname = current_database()
            and %(must_be_gone)s
            and coalesce(pg_stat_activity.backend_start = %(started)s, true)
    );
