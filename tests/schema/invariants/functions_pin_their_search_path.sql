-- A function that could be made to call somebody else's, or that runs as its owner.
select functions.oid::regprocedure::text as offender
from pg_catalog.pg_proc as functions
where
    functions.pronamespace = 'authority'::regnamespace
    and (
        functions.prosecdef
        or array_to_string(coalesce(functions.proconfig, '{}'), ',')
        not like '%search_path=%'
    );
