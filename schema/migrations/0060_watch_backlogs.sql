-- Lets the owner's functions read, of all tenants, the rows that monitoring counts, and
-- creates the function that counts what pruning has left.
--
-- Locks: access exclusive, briefly, on the tables that receive a policy.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0060_watch_backlogs');

-- Row-level security applies to the owner too. These policies show its functions the
-- rows that have ended or wait for work, and the feed, but no living token, session or
-- user. They are for select: the owner changes only rows of the session's tenant.
--
-- They show rows only while a function sets authority.is_watching. PostgreSQL validates
-- a foreign key as the owner: otherwise it would see ended rows of user_roles without
-- the users to whom they refer.
do $$
declare
    watched record;
begin
    for watched in
        select * from (
            values
            ('tokens', 'expires_at < authority.clock()'),
            ('authorizations', 'tokens_expire_at < authority.clock()'),
            ('consents', 'revoked_at < authority.clock()'),
            ('sessions', 'expires_at < authority.clock()'),
            ('pushed_requests', 'expires_at < authority.clock()'),
            ('device_authorizations', 'expires_at < authority.clock()'),
            ('one_time_tokens', 'expires_at < authority.clock()'),
            ('used_jtis', 'expires_at < authority.clock()'),
            ('user_roles', 'expires_at < authority.clock()'),
            (
                'license_usage',
                'period_end <= (authority.clock() at time zone ''UTC'')::date'
            ),
            ('logout_notices', 'true'),
            ('revocations', 'true'),
            ('revocation_sequences', 'true'),
            (
                'signing_keys',
                '(retired_at is null or published_until < authority.clock())'
            ),
            (
                'login_throttles',
                '(ending_hour < authority.clock() '
                'or refused_at > authority.clock() - interval ''1 hour'')'
            ),
            (
                'login_attempts',
                'created_at > authority.clock() - interval ''1 hour'''
            )
        ) as policies (name, condition)
    loop
        execute format(
            'drop policy if exists %I on authority.%I',
            watched.name || '_owner_policy',
            watched.name
        );
        execute format(
            'create policy %I on authority.%I for select to pg_database_owner '
            'using (current_setting(''authority.is_watching'', true) = ''on'' and %s)',
            watched.name || '_owner_policy',
            watched.name,
            watched.condition
        );
    end loop;
end
$$;

create or replace function authority.watch_backlogs(
    kept_expired interval, kept_consents interval, kept_usage interval, most bigint
)
returns table (prune_step text, left_rows bigint, due_since timestamptz)
language plpgsql
stable security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    oldest timestamptz;
    kept interval;
    target name;
    ended name;
    condition text;
begin
    perform set_config('authority.is_watching', 'on', true);
    -- The condition of each step's statement, which reads its index.
    for prune_step, target, ended, condition, kept in
        values
        ('used_jtis', 'used_jtis', 'expires_at', 'true', interval '5 minutes'),
        ('pushed_requests', 'pushed_requests', 'expires_at', 'true', kept_expired),
        (
            'device_authorizations',
            'device_authorizations',
            'expires_at',
            'true',
            kept_expired
        ),
        ('one_time_tokens', 'one_time_tokens', 'expires_at', 'true', kept_expired),
        ('signing_keys', 'signing_keys', 'published_until', 'true', kept_expired),
        ('tokens', 'tokens', 'expires_at', 'held.type = ''access''', kept_expired),
        (
            'refresh_tokens',
            'tokens',
            'expires_at',
            'held.type = ''refresh''',
            kept_expired + interval '24 hours'
        ),
        ('authorizations', 'authorizations', 'tokens_expire_at', 'true', kept_expired),
        ('consents', 'consents', 'revoked_at', 'true', kept_consents),
        ('logout_notices', 'logout_notices', 'expires_at', 'true', kept_expired),
        (
            'sessions',
            'sessions',
            'expires_at',
            'not exists ('
            'select from authority.logout_notices '
            'where logout_notices.tenant_id = held.tenant_id '
            'and logout_notices.session_id = held.id)',
            kept_expired
        ),
        ('user_roles', 'user_roles', 'expires_at', 'true', kept_expired),
        ('revocations', 'revocations', 'expires_at', 'true', kept_expired),
        (
            'login_throttles',
            'login_throttles',
            'ending_hour',
            'true',
            interval '1 hour'
        ),
        ('license_usage', 'license_usage', 'period_end', 'true', kept_usage)
    loop
        execute format(
            'select count(*), min(due.ended) from ('
            'select held.%2$I as ended from authority.%1$I as held '
            'where held.%2$I <= $1::%4$s and %3$s order by held.%2$I limit $2) as due',
            target,
            ended,
            condition,
            case ended when 'period_end' then 'date' else 'timestamptz' end
        ) into left_rows, oldest using authority.clock() - kept, most;
        due_since := oldest + kept;
        return next;
    end loop;
    perform set_config('authority.is_watching', 'off', true);
end
$$;

comment on function authority.watch_backlogs is
'Returns for each step of pruning how many rows of all tenants it has left, at most this
many, and since when the oldest is due. The steps for partitions and for superseded
entries of the feed are not listed. Runs as its owner, because a reader reads one
tenant. It reveals counts and times.';

revoke execute on function
authority.watch_backlogs(interval, interval, interval, bigint)
from public;
grant execute on function
authority.watch_backlogs(interval, interval, interval, bigint)
to authority_reader;
