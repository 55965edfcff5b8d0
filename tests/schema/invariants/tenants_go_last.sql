-- A foreign key to tenants that deletes rows with their tenant, or that leaves the
-- question open: rows are erased in batches, and what is left refuses the deletion.
select foreign_keys.conname as offender
from pg_catalog.pg_constraint as foreign_keys
where
    foreign_keys.contype = 'f'
    and foreign_keys.conparentid = 0
    and foreign_keys.confrelid = 'authority.tenants'::regclass
    and foreign_keys.confdeltype <> 'r';
