-- Lets this transaction read and write the rows of the tenant $1: row-level security
-- hides all rows from the owner, too.
select set_config('authority.tenant_id', $1::uuid::text, true);
