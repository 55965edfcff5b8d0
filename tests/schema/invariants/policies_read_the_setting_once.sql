-- A policy that reads the setting once a row, not once a statement: the call stands
-- outside of every subquery. (The rule auth_rls_initplan of Supabase's linter finds the
-- same.) The parentheses are removed from the inside, those of subqueries with their
-- content.
with recursive peeled as (
    select
        policies.polname as name,
        concat(
            pg_get_expr(policies.polqual, policies.polrelid),
            ' ',
            pg_get_expr(policies.polwithcheck, policies.polrelid)
        ) as condition
    from pg_catalog.pg_policy as policies
    inner join pg_catalog.pg_class as tables on policies.polrelid = tables.oid
    where tables.relnamespace = 'authority'::regnamespace
    union all
    select
        peeled.name,
        case
            when peeled.condition ~ '\([^()]*\mSELECT\M[^()]*\)'
                then regexp_replace(
                    peeled.condition, '\([^()]*\mSELECT\M[^()]*\)', '', 'g'
                )
            else regexp_replace(peeled.condition, '\(([^()]*)\)', '[\1]', 'g')
        end as condition
    from peeled
    where peeled.condition like '%(%'
)

select distinct peeled.name as offender
from peeled
where
    peeled.condition not like '%(%'
    and peeled.condition ~ '\mcurrent_setting\[';
