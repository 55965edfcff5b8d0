-- One table or partition whose rows belong to tenants, and the column with the tenant.
select
    pg_class.relname::text as name,
    pg_attribute.attname::text as tenant_column,
    pg_class.relispartition as is_partition
from pg_catalog.pg_attribute
inner join pg_catalog.pg_class on pg_attribute.attrelid = pg_class.oid
where
    pg_class.relnamespace = 'authority'::regnamespace
    and pg_class.relkind in ('r', 'p')
    and not pg_attribute.attisdropped
    and pg_attribute.attname
    = case pg_class.relname when 'tenants' then 'id' else 'tenant_id' end
order by pg_class.relname;
