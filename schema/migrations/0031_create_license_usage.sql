-- Creates the ledger of the use of licences, and its totals.
--
-- Locks: share row exclusive on authority.licenses while foreign keys are added; access
-- exclusive if this runs again.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0031_create_license_usage');

create table if not exists authority.license_usage (
    tenant_id uuid not null,
    license_id uuid not null,
    metric text collate "C" not null,
    idempotency_key text collate "C" not null,
    period_start date not null,
    period_end date not null,
    quantity bigint not null,
    corrects text collate "C",
    created_at timestamptz not null default authority.clock(),
    constraint license_usage_tenant_id_license_id_metric_idempotency_key_pk
    primary key (tenant_id, license_id, metric, idempotency_key),
    constraint license_usage_idempotency_key_check
    check (
        authority.is_visible(idempotency_key) and char_length(idempotency_key) <= 255
    ),
    constraint license_usage_period_end_check check (period_end > period_start),
    constraint license_usage_corrects_check
    check (authority.is_visible(corrects) and char_length(corrects) <= 255),
    constraint license_usage_metric_check
    check (authority.is_visible(metric) and char_length(metric) <= 255),
    constraint license_usage_moments_check
    check (
        least(created_at) >= '1900-01-01Z'
        and greatest(created_at) < '9000-01-01Z'
    ),
    constraint license_usage_quantity_check check (
        quantity
        between case when corrects is null then 1 else -1000000000000 end
        and case when corrects is null then 1000000000000 else -1 end
    )
);

comment on table authority.license_usage is
'Ledger: one use of one metric, recorded once however often it is reported, or one
correction of a use. Append-only. Pruned some time after its period; the total
remains.';
comment on column authority.license_usage.tenant_id is 'Owner of the row.';
comment on column authority.license_usage.license_id is 'The licence.';
comment on column authority.license_usage.metric is 'A name in licenses.limits.';
comment on column authority.license_usage.idempotency_key is
'The reporter''s name for this use. A report with the same key records nothing, until
the row is pruned.';
comment on column authority.license_usage.period_start is
'First day (UTC) of the usage_period in which it counts.';
comment on column authority.license_usage.period_end is
'First day (UTC) after that period.';
comment on column authority.license_usage.quantity is
'The used quantity, at most 10^12. Negative in a correction.';
comment on column authority.license_usage.corrects is
'idempotency_key of the use that this row corrects. A use can be corrected once. Null:
this is a use.';
comment on column authority.license_usage.created_at is 'When it was recorded.';

-- Enforces that a use is taken back once: license_usage.correct.
create unique index if not exists license_usage_tenant_id_license_id_metric_corrects_key
on authority.license_usage (tenant_id, license_id, metric, corrects)
where corrects is not null;
-- Serves license_usage.prune.
create index if not exists license_usage_period_end_idx
on authority.license_usage (period_end);

create table if not exists authority.license_usage_totals (
    tenant_id uuid not null,
    license_id uuid not null,
    metric text collate "C" not null,
    period_start date not null,
    period_end date not null,
    used bigint not null,
    allowance bigint,
    overage_policy text not null,
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    constraint license_usage_totals_license_id_metric_period_start_pk
    primary key (tenant_id, license_id, metric, period_start),
    constraint license_usage_totals_period_end_check check (period_end > period_start),
    constraint license_usage_totals_overage_policy_check
    check (overage_policy in ('refuse', 'allow')),
    constraint license_usage_totals_used_check
    check (allowance is null or used <= allowance or overage_policy = 'allow'),
    constraint license_usage_totals_metric_check
    check (authority.is_visible(metric) and char_length(metric) <= 255),
    constraint license_usage_totals_moments_check
    check (
        least(created_at, updated_at) >= '1900-01-01Z'
        and greatest(created_at, updated_at) < '9000-01-01Z'
    )
);

comment on table authority.license_usage_totals is
'Sum of the ledger for one metric and period. It remains when the ledger is pruned. Its
check enforces the limit: a use that would exceed it fails together with its ledger
entry.';
comment on column authority.license_usage_totals.tenant_id is 'Owner of the row.';
comment on column authority.license_usage_totals.license_id is 'The licence.';
comment on column authority.license_usage_totals.metric is 'A name in licenses.limits.';
comment on column authority.license_usage_totals.period_start is
'First day (UTC) of the period.';
comment on column authority.license_usage_totals.period_end is
'First day (UTC) after the period.';
comment on column authority.license_usage_totals.used is
'Sum of license_usage.quantity.';
comment on column authority.license_usage_totals.allowance is
'The limit when the metric was last used. Null: no limit.';
comment on column authority.license_usage_totals.overage_policy is
'licenses.overage_policy when the metric was last used. Copied here for the check.';
comment on column authority.license_usage_totals.created_at is
'When the metric was first used in the period.';
comment on column authority.license_usage_totals.updated_at is
'When the metric was last used in the period.';

-- Serves license_usage.list_totals.
create index if not exists license_usage_totals_license_id_period_start_metric_idx
on authority.license_usage_totals (tenant_id, license_id, period_start, metric);

call authority.isolate_tenants('authority.license_usage');
call authority.isolate_tenants('authority.license_usage_totals');
call authority.let_operators_prune('authority.license_usage');

alter table authority.license_usage
drop constraint if exists license_usage_tenant_id_license_id_fk,
add constraint license_usage_tenant_id_license_id_fk
foreign key (tenant_id, license_id)
references authority.licenses (tenant_id, id) on delete cascade;

alter table authority.license_usage_totals
drop constraint if exists license_usage_totals_tenant_id_license_id_fk,
add constraint license_usage_totals_tenant_id_license_id_fk
foreign key (tenant_id, license_id)
references authority.licenses (tenant_id, id) on delete cascade;

grant select, insert
on authority.license_usage, authority.license_usage_totals to authority_app;
grant update (used, allowance, overage_policy, updated_at)
on authority.license_usage_totals to authority_app;
grant
select (tenant_id, license_id, metric, idempotency_key, period_end),
update (created_at),
delete
on authority.license_usage to authority_maintenance;
grant select
on authority.license_usage, authority.license_usage_totals to authority_reader;
