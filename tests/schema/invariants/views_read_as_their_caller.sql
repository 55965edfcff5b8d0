-- A view that reads as its owner, or a materialized view, which stores rows of all
-- tenants without a policy: the policies of its tables would not apply to the caller.
select views.oid::regclass::text as offender
from pg_catalog.pg_class as views
where
    views.relnamespace = 'authority'::regnamespace
    and (
        views.relkind = 'm'
        or views.relkind = 'v'
        and not coalesce(views.reloptions, '{}') @> array['security_invoker=true']
    );
