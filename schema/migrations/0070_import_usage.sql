-- Creates the function that imports the uses of licences. Only the owner of the
-- database can execute it.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0070_import_usage');

create or replace function authority.import_license_usage(
    tenant_id uuid, rows_json text
)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    imported bigint;
begin
    perform set_config(
        'authority.tenant_id', import_license_usage.tenant_id::text, true
    );
    with created as (
        insert into authority.license_usage (
            tenant_id, license_id, metric, idempotency_key, period_start, period_end,
            quantity, corrects, created_at
        )
        select
            import_license_usage.tenant_id,
            given.license_id,
            given.metric,
            given.idempotency_key,
            given.period_start,
            given.period_end,
            given.quantity,
            given.corrects,
            least(coalesce(given.created_at, authority.clock()), authority.clock())
        from json_to_recordset(rows_json::json) as given (
            license_id uuid,
            metric text,
            idempotency_key text,
            period_start date,
            period_end date,
            quantity bigint,
            corrects text,
            created_at timestamptz
        )
        on conflict on constraint
        license_usage_tenant_id_license_id_metric_idempotency_key_pk do nothing
        returning
            license_usage.license_id,
            license_usage.metric,
            license_usage.period_start,
            license_usage.period_end,
            license_usage.quantity
    ),

    totals as (
        insert into authority.license_usage_totals (
            tenant_id, license_id, metric, period_start, period_end, used, allowance,
            overage_policy
        )
        select
            licenses.tenant_id,
            licenses.id,
            created.metric,
            created.period_start,
            max(created.period_end) as period_end,
            sum(created.quantity) as used,
            (licenses.limits ->> created.metric)::numeric::bigint as allowance,
            licenses.overage_policy
        from created
        inner join authority.licenses
            on
                licenses.tenant_id = import_license_usage.tenant_id
                and created.license_id = licenses.id
        group by
            licenses.tenant_id,
            licenses.id,
            licenses.limits,
            licenses.overage_policy,
            created.metric,
            created.period_start
        on conflict on constraint
        license_usage_totals_license_id_metric_period_start_pk do update
            set
                used = license_usage_totals.used + excluded.used,
                updated_at = excluded.updated_at
    )

    select count(*) into imported from created;
    perform set_config('authority.tenant_id', tenant_before, true);
    return imported;
end
$$;

comment on function authority.import_license_usage is
'As authority.import_rows, for uses of licences. Adds each inserted use to the total of
its period.';

revoke execute on function authority.import_license_usage(uuid, text) from public;
