-- The migrations that yoyo has marked as applied, in order. Runs under
-- search_path = pg_catalog.
select applied.migration_id
from authority_yoyo._yoyo_migration as applied
order by applied.applied_at_utc;
