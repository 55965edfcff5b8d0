set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0051_audit_tables');
do $$
declare
    audited record;
begin
    for audited in
        select pg_trigger.tgname, pg_trigger.tgrelid::regclass as target
        from pg_trigger
        where pg_trigger.tgfoid = to_regproc('authority.record_change')
    loop
        execute format('drop trigger %I on %s', audited.tgname, audited.target);
    end loop;
end
$$;
