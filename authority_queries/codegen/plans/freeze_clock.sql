-- Stops the clock of a database, so that plans on its rows stay the same however old
-- the rows are. The planner reads the clock to estimate how many rows `expires_at >
-- now()` selects. It calls PostgreSQL's own functions by their numbers, so replacing
-- them has no effect: others take their names, before anything else refers to them.
-- PostgreSQL does not inline these, costs them as the old ones, and EXPLAIN prints
-- them alike.
do $$
declare
    moment constant numeric := extract(epoch from pg_catalog.statement_timestamp());
    reader name;
begin
    foreach reader in array array['now', 'statement_timestamp', 'transaction_timestamp']
    loop
        execute format(
            'alter function pg_catalog.%I() rename to %I', reader, 'running_' || reader
        );
        execute format(
            'create function pg_catalog.%I() returns timestamptz '
            'language plpgsql stable strict parallel safe cost 1 as %L',
            reader,
            format('begin return to_timestamp(%s); end', moment)
        );
    end loop;
end;
$$;
