-- A function or procedure whose meaning its caller's settings could change. Its body is
-- a text, which each session reads again, and it does not set the time zone and the
-- style of dates, or it has a backslash and does not set standard_conforming_strings.
-- An immutable function promises to depend on neither zone nor style.
select functions.oid::regprocedure::text as offender
from pg_catalog.pg_proc as functions
where
    functions.pronamespace = 'authority'::regnamespace
    and functions.prosqlbody is null
    and (
        functions.provolatile <> 'i'
        and not coalesce(functions.proconfig, '{}')
        @> array['TimeZone=UTC', 'DateStyle=ISO']
        or functions.prosrc like '%\\%'
        and not coalesce(functions.proconfig, '{}')
        @> array['standard_conforming_strings=on']
    );
