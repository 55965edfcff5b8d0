-- The session of a first run, whose lock is older than the column `session`: that run
-- has written the newest row of yoyo's log. Runs under search_path = pg_catalog.
select logged.session
from authority_yoyo._yoyo_log as logged
where logged.session is not null
order by logged.created_at_utc desc
limit 1;
