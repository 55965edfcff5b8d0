-- All tenants, whatever their status.
select tenants.id
from authority.tenants
order by tenants.id;
