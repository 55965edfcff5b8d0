-- The migrations that yoyo has marked as applied, in order. Runs with the schema of the
-- books as search_path.
select applied.migration_id
from _yoyo_migration as applied
order by applied.applied_at_utc;
