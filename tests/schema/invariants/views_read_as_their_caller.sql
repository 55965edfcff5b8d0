-- A view that reads as its owner, or a materialized view, which keeps rows of all
-- tenants where no policy is: what the policies of its tables say to the caller would
-- not count.
select views.oid::regclass::text as offender
from pg_catalog.pg_class as views
where
    views.relnamespace = 'authority'::regnamespace
    and (
        views.relkind = 'm'
        or views.relkind = 'v'
        and not coalesce(views.reloptions, '{}') @> array['security_invoker=true']
    );
