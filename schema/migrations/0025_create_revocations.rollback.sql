set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0025_create_revocations');
drop function if exists authority.append_revocations(
    uuid, text, text[], timestamptz[], text, timestamptz, text[], text[], jsonb
);
call authority.drop_tables(
    '0025_create_revocations', 'revocations', 'revocation_sequences'
);
