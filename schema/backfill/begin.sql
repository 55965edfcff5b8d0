-- Lets this session act as the owner, as migrations do. A lock or a statement that
-- takes longer than $1 or $2 raises an error.
select
    set_config('role', 'pg_database_owner', false) as acts_as,
    set_config('lock_timeout', $1, false) as lock_timeout,
    set_config('statement_timeout', $2, false) as statement_timeout;
