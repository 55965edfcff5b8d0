-- The tenant whose rows this transaction reads and writes, as text.
select current_setting('authority.tenant_id', true) as tenant_id;
