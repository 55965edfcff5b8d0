-- Makes the schema of yoyo's books before yoyo looks for them. Raises an error for what
-- would keep yoyo from writing there: yoyo takes any error for another run's lock.
--
-- Run under search_path = pg_catalog. The setting authority.books names the schema.
do $$
declare
    books constant text := current_setting('authority.books');
    lock_table regclass;
begin
    if pg_is_in_recovery() then
        raise read_only_sql_transaction using message =
            'the server is a standby, which takes no writes: migrate on its primary';
    end if;
    if current_setting('transaction_read_only') = 'on' then
        raise read_only_sql_transaction using message =
            'the login may not write: default_transaction_read_only is on';
    end if;
    begin
        if to_regnamespace(books) is null then
            execute format('create schema %s', books);
            execute format(
                'comment on schema %s is %L', books,
                'The books of yoyo: which migrations are applied, and who runs.'
            );
        end if;
    exception when duplicate_schema or unique_violation then
        null; -- another run was faster
    end;
    lock_table := to_regclass(books || '.yoyo_lock');
    if lock_table is null and not has_schema_privilege(books, 'create')
    or not has_table_privilege(lock_table, 'insert') then
        raise insufficient_privilege;
    end if;
exception when insufficient_privilege then
    raise insufficient_privilege using message = format(
        '%s may not keep yoyo''s books in the schema %s: '
        'have a DBA run schema/bootstrap.sql',
        current_user, books
    );
end
$$;
