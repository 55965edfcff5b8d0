-- A column name with two types in tables and views, such as a client_id that is text in
-- one and a uuid in another. Or a foreign key to clients.id whose column is not named
-- client_uuid.
with named as (
    select
        columns.attname as name,
        count(distinct columns.atttypid) as types
    from pg_catalog.pg_attribute as columns
    inner join pg_catalog.pg_class as relations on columns.attrelid = relations.oid
    where
        relations.relnamespace = 'authority'::regnamespace
        and relations.relkind in ('r', 'p', 'v', 'm')
        and columns.attnum > 0
        and not columns.attisdropped
    group by columns.attname
)

select named.name as offender
from named
where named.types > 1
union all
select foreign_keys.conname as offender
from pg_catalog.pg_constraint as foreign_keys
cross join unnest(foreign_keys.conkey, foreign_keys.confkey) as keys (own, referenced)
inner join pg_catalog.pg_attribute as own
    on foreign_keys.conrelid = own.attrelid and keys.own = own.attnum
inner join pg_catalog.pg_attribute as referenced
    on
        foreign_keys.confrelid = referenced.attrelid
        and keys.referenced = referenced.attnum
where
    foreign_keys.contype = 'f'
    and foreign_keys.confrelid = 'authority.clients'::regclass
    and referenced.attname = 'id'
    and own.attname <> 'client_uuid';
