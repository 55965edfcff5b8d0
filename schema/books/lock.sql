-- One row if a run holds yoyo's lock, or if a killed run has left it: the whole row as
-- text, the session that took the lock if it was recorded, whether yoyo's log records
-- sessions, and a description. `pid` is the process of the run on its own machine, and
-- `ctime` is the time of that machine's clock.
--
-- Runs under search_path = pg_catalog. The lock may have no column `session`.
select
    to_jsonb(yoyo_lock)::text as contents,
    to_jsonb(yoyo_lock) -> 'session' as session,
    (
        select count(*) > 0
        from pg_attribute
        where
            pg_attribute.attrelid = to_regclass('authority_yoyo._yoyo_log')
            and pg_attribute.attname = 'session'
    ) as is_logged,
    format('process %s since %s UTC', yoyo_lock.pid, yoyo_lock.ctime) as holder
from authority_yoyo.yoyo_lock
where yoyo_lock.locked = 1;
