-- Removes yoyo's lock, unless it is another lock than the one that was judged. Runs
-- under search_path = pg_catalog.
delete from authority_yoyo.yoyo_lock
where to_jsonb(yoyo_lock)::text = %(contents)s;
