-- Creates the schema of yoyo's books before yoyo looks for it. Raises an error if yoyo
-- could not write there, because yoyo mistakes every error for the lock of another run.
--
-- Runs under search_path = pg_catalog.
do $$
declare
    lock_table regclass;
    other text;
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
        if to_regnamespace('authority_yoyo') is null then
            create schema authority_yoyo;
            comment on schema authority_yoyo is
            'The books of yoyo: the applied migrations, and the lock.';
        end if;
    exception when duplicate_schema or unique_violation then
        null; -- another run created it
    end;
    lock_table := to_regclass('authority_yoyo.yoyo_lock');
    if lock_table is null and not has_schema_privilege('authority_yoyo', 'create')
    or not has_table_privilege(lock_table, 'insert') then
        raise insufficient_privilege;
    end if;
    select books.name into other
    from
        (
            values
            ('yoyo_lock', 'pid'),
            ('_yoyo_log', 'migration_hash'),
            ('_yoyo_migration', 'migration_hash'),
            ('_yoyo_version', 'version')
        ) as books (name, known)
    where
        to_regclass('authority_yoyo.' || books.name) is not null
        and not exists (
            select from pg_attribute
            where
                pg_attribute.attrelid = to_regclass('authority_yoyo.' || books.name)
                and pg_attribute.attname = books.known
        )
    limit 1;
    if other is not null then
        raise duplicate_table using message = format(
            'the table authority_yoyo.%s is not a table of yoyo: '
            'rename or drop it, or use another database',
            other
        );
    end if;
exception when insufficient_privilege then
    raise insufficient_privilege using message = format(
        '%s may not keep yoyo''s books in the schema authority_yoyo: '
        'have a DBA run schema/bootstrap.sql',
        current_user
    );
end
$$;
