set local search_path = pg_catalog;
set local role pg_database_owner;
drop function if exists authority.append_revocations(
    uuid, text, text[], timestamptz[], text, timestamptz, text[], text[], jsonb
);
drop table if exists authority.revocations;
drop table if exists authority.revocation_sequences;
