-- yoyo's lock: a row while a run holds it, or after a run was killed. The process id is
-- that of the run on its own machine. Runs under search_path = pg_catalog.
select format('process %s since %s UTC', yoyo_lock.pid, yoyo_lock.ctime) as holder
from authority_yoyo.yoyo_lock
where yoyo_lock.locked = 1;
