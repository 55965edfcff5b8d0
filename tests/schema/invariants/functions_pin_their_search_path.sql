-- A function or procedure that could be made to call somebody else's: its search_path
-- is not pg_catalog and then, last and named, pg_temp. Not named, pg_temp is searched
-- first for tables and types, and anybody can make those. A body in standard SQL was
-- read once, when the function was made.
select functions.oid::regprocedure::text as offender
from pg_catalog.pg_proc as functions
where
    functions.pronamespace = 'authority'::regnamespace
    and functions.prosqlbody is null
    and not coalesce(functions.proconfig, '{}')
    @> array['search_path=pg_catalog, pg_temp'];
