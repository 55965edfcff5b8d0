-- The tables among $1 without a policy for the setting authority.tenant_id, or whose
-- owner it does not restrict. Their rows belong to no tenant.
select named.name
from unnest($1::text[]) as named (name)
inner join pg_class on named.name::regclass = pg_class.oid
where
    not (pg_class.relrowsecurity and pg_class.relforcerowsecurity)
    or not exists (
        select from pg_policy
        where
            pg_policy.polrelid = pg_class.oid
            and pg_get_expr(pg_policy.polqual, pg_class.oid)
            like '%authority.tenant_id%'
    );
