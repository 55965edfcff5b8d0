-- Ends what a restore to an earlier moment has brought back: tokens that were revoked,
-- codes and links that were used, sessions that were ended. A DBA runs it after a
-- restore that lost writes, before services connect, with psql as a superuser, or as a
-- login that bypasses row-level security and is a member of the database's owner:
--
--     psql -X -q -d authority -f schema/after_restore.sql
--
-- It signs all users and clients of all tenants out. It is not needed after a dump of a
-- database to which nobody wrote any more, nor after pg_upgrade. A second run is
-- harmless.

\set ON_ERROR_STOP on

begin;
set local search_path = pg_catalog;
set local row_security = off; -- an error is better than the rows of no tenant
-- Without notifications. Followers read the entries at their next poll.
select set_config('authority.feed', 'silent', true) as feed
\gset

-- Links and codes in mails may have been used after the moment. So may requests.
delete from authority.one_time_tokens;
delete from authority.pushed_requests;

-- Tokens, codes and sessions from before now are dead. At the commit the triggers
-- publish an entry for each tenant in its feed, after the numbers have moved.
update authority.tenants
set
    tokens_valid_after = greatest(tenants.tokens_valid_after, authority.clock()),
    updated_at = authority.clock(),
    row_version = tenants.row_version + 1;

-- No number of a feed is used twice: followers have read entries that are lost. No
-- tenant publishes a billion entries between two restores.
insert into authority.revocation_sequences (tenant_id, last_sequence)
select
    tenants.id as tenant_id,
    1000000000 as last_sequence
from authority.tenants
on conflict (tenant_id) do update
    set
        last_sequence = revocation_sequences.last_sequence + excluded.last_sequence,
        updated_at = excluded.updated_at;

commit;
