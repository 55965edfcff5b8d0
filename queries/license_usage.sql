-- name: record(tenant_id, license_id, metric, quantity, idempotency_key)^
-- The receipt of a use that was recorded now, with the period's total after it. No row
-- when the key was recorded before (get_receipt returns it, also if it was committed
-- while this statement waited), or when the licence allows no use of the metric now.
-- Policy: a use beyond the limit fails, or counts as overage if the licence allows it.
-- @row UsageReceipt
with license as (
    select
        usable_licenses.tenant_id,
        usable_licenses.id,
        (usable_licenses.limits ->> :metric::text)::numeric::bigint as allowance,
        usable_licenses.overage_policy,
        usable_licenses.period_start,
        usable_licenses.period_end
    from authority.usable_licenses
    where
        usable_licenses.tenant_id = :tenant_id
        and usable_licenses.id = :license_id
        and usable_licenses.may_grow
        and usable_licenses.limits ? :metric
),

entry as (
    insert into authority.license_usage (
        tenant_id,
        license_id,
        metric,
        idempotency_key,
        period_start,
        period_end,
        quantity
    )
    select
        license.tenant_id,
        license.id,
        :metric,
        :idempotency_key,
        license.period_start,
        license.period_end,
        :quantity
    from license
    on conflict (tenant_id, license_id, metric, idempotency_key) do nothing
    returning license_usage.quantity, license_usage.corrects
),

total as (
    insert into authority.license_usage_totals (
        tenant_id,
        license_id,
        metric,
        period_start,
        period_end,
        used,
        allowance,
        overage_policy
    )
    select
        license.tenant_id,
        license.id,
        :metric,
        license.period_start,
        license.period_end,
        entry.quantity,
        license.allowance,
        license.overage_policy
    from license
    cross join entry
    on conflict (tenant_id, license_id, metric, period_start) do update
        set
            used = license_usage_totals.used + excluded.used,
            allowance = excluded.allowance,
            overage_policy = excluded.overage_policy,
            updated_at = excluded.updated_at
    returning
        license_usage_totals.period_start,
        license_usage_totals.period_end,
        license_usage_totals.used,
        license_usage_totals.allowance
)

select
    true as recorded,
    entry.quantity,
    entry.corrects,
    total.period_start,
    total.period_end,
    total.used,
    total.allowance,
    greatest(total.used - total.allowance, 0) as overage
from entry
cross join total;

-- name: correct(tenant_id, license_id, metric, corrects, idempotency_key)^
-- The receipt of a correction that was recorded now. It takes back the whole use that
-- was recorded under the key `corrects`, in the period of that use, whatever the
-- licence's state is. No row when there is no such use, another correction has taken it
-- back, or the correction's own key was recorded before.
-- @row UsageReceipt
with entry as (
    insert into authority.license_usage (
        tenant_id,
        license_id,
        metric,
        idempotency_key,
        period_start,
        period_end,
        quantity,
        corrects
    )
    select
        mistaken.tenant_id,
        mistaken.license_id,
        mistaken.metric,
        :idempotency_key,
        mistaken.period_start,
        mistaken.period_end,
        -mistaken.quantity as quantity,
        mistaken.idempotency_key as corrects
    from authority.license_usage as mistaken
    where
        mistaken.tenant_id = :tenant_id
        and mistaken.license_id = :license_id
        and mistaken.metric = :metric
        and mistaken.idempotency_key = :corrects
        and mistaken.corrects is null
    on conflict do nothing
    returning
        license_usage.tenant_id,
        license_usage.license_id,
        license_usage.metric,
        license_usage.period_start,
        license_usage.quantity,
        license_usage.corrects
),

total as (
    update authority.license_usage_totals
    set
        used = license_usage_totals.used + entry.quantity,
        updated_at = authority.clock()
    from entry
    where
        license_usage_totals.tenant_id = :tenant_id
        and license_usage_totals.license_id = entry.license_id
        and license_usage_totals.metric = entry.metric
        and license_usage_totals.period_start = entry.period_start
    returning
        license_usage_totals.period_start,
        license_usage_totals.period_end,
        license_usage_totals.used,
        license_usage_totals.allowance
)

select
    true as recorded, entry.quantity, entry.corrects, total.period_start,
    total.period_end, total.used, total.allowance,
    greatest(total.used - total.allowance, 0) as overage
from entry
cross join total;

-- name: get_receipt(tenant_id, license_id, metric, idempotency_key)^
-- The entry recorded under the key, with the current total of its period, whatever the
-- licence's state is; or no row.
-- @row UsageReceipt
select
    false as recorded, license_usage.quantity, license_usage.corrects,
    license_usage_totals.period_start, license_usage_totals.period_end,
    license_usage_totals.used, license_usage_totals.allowance,
    greatest(license_usage_totals.used - license_usage_totals.allowance, 0) as overage
from authority.license_usage
inner join authority.license_usage_totals
    on
        license_usage.license_id = license_usage_totals.license_id
        and license_usage.metric = license_usage_totals.metric
        and license_usage.period_start = license_usage_totals.period_start
where
    license_usage.tenant_id = :tenant_id
    and license_usage.license_id = :license_id
    and license_usage.metric = :metric
    and license_usage.idempotency_key = :idempotency_key
    and license_usage_totals.tenant_id = :tenant_id;

-- name: list_totals(tenant_id, license_id, from_period, after_period_start, after_metric, page_size)
-- The total of one metric and period, newest period first, then in descending order of
-- metric, starting after the given ones. No period begins before
-- from_period.
-- @row UsageTotal
select
    license_usage_totals.tenant_id,
    license_usage_totals.license_id,
    license_usage_totals.metric,
    license_usage_totals.period_start,
    license_usage_totals.period_end,
    license_usage_totals.used,
    license_usage_totals.allowance,
    greatest(license_usage_totals.used - license_usage_totals.allowance, 0) as overage
from authority.license_usage_totals
where
    license_usage_totals.tenant_id = :tenant_id
    and license_usage_totals.license_id = :license_id
    and license_usage_totals.period_start >= :from_period
    and (license_usage_totals.period_start, license_usage_totals.metric)
    < (:after_period_start, :after_metric)
order by license_usage_totals.period_start desc, license_usage_totals.metric desc
limit :page_size;

-- name: list_totals_of_metric(tenant_id, license_id, metric, from_period, after, page_size)
-- The total of this metric in one period, newest period first, starting after the given
-- one. No period begins before
-- from_period.
-- @row UsageTotal
select
    license_usage_totals.tenant_id, license_usage_totals.license_id,
    license_usage_totals.metric, license_usage_totals.period_start,
    license_usage_totals.period_end, license_usage_totals.used,
    license_usage_totals.allowance,
    greatest(license_usage_totals.used - license_usage_totals.allowance, 0) as overage
from authority.license_usage_totals
where
    license_usage_totals.tenant_id = :tenant_id
    and license_usage_totals.license_id = :license_id
    and license_usage_totals.metric = :metric
    and license_usage_totals.period_start >= :from_period
    and license_usage_totals.period_start < :after
order by license_usage_totals.period_start desc
limit :page_size;

-- name: prune(older_than, batch_size)!
-- Deletes uses of all tenants whose period ended at least this long ago. The totals
-- stay. A deleted key can be recorded again.
-- @plan cross_tenant -- Prunes for all tenants at once.
-- @plan seq_scan authority.license_usage -- Planned without its value, batch_size
--   is taken for a tenth of the rows. With it each row is looked up by primary key.
-- @role authority_maintenance
with doomed as (
    select
        candidates.tenant_id,
        candidates.license_id,
        candidates.metric,
        candidates.idempotency_key
    from authority.license_usage as candidates
    where
        candidates.period_end
        <= ((authority.clock() - :older_than::interval) at time zone 'UTC')::date
    order by candidates.period_end
    limit :batch_size
    for update skip locked
)

delete from authority.license_usage
using doomed
where
    license_usage.tenant_id = doomed.tenant_id
    and license_usage.license_id = doomed.license_id
    and license_usage.metric = doomed.metric
    and license_usage.idempotency_key = doomed.idempotency_key;
