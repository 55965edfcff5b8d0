-- A column that decides whether a token is alive, that services or operators can
-- change, and that no trigger watches for the feed; and a table of which they can
-- delete rows without such a trigger; and a function that the view calls, and of which
-- this rule does not know what it reads. A cache knows itself when a token expires, and
-- no role can change that time.
with recursive known (subject, reason) as (
    values
    ('tokens.redeemed_at', 'Only access tokens are cached, and they are not redeemed.'),
    ('tokens.revocation_reason', 'It is shown, and ends nothing.'),
    ('tokens.properties', 'It is shown, and a policy refuses the update.'),
    ('clients.client_type', 'It is shown, and ends nothing.'),
    ('users.username', 'It is shown, and ends nothing.'),
    ('clients.tenant_id', 'A policy refuses the update.'),
    ('users.tenant_id', 'A policy refuses the update.'),
    ('service_accounts.tenant_id', 'A policy refuses the update.'),
    ('clients.id', 'The foreign key of its tokens refuses the update.'),
    ('users.id', 'The foreign key of its tokens refuses the update.'),
    ('service_accounts.id', 'The foreign key of its tokens refuses the update.'),
    ('consents', 'The deletion cascades to its families, which have a trigger.')
),

functions (name) as (
    values
    ('authority.clock()'),
    ('authority.covers_details(jsonb,jsonb)'),
    ('authority.are_tokens_alive(uuid,uuid[])'),
    ('authority.is_session_in_force(uuid,uuid)')
),

-- The columns that the view reads, through other views.
reads (table_oid, number) as (
    select
        pg_depend.refobjid,
        pg_depend.refobjsubid
    from pg_catalog.pg_rewrite
    inner join pg_catalog.pg_depend on pg_rewrite.oid = pg_depend.objid
    where
        pg_rewrite.ev_class = 'authority.token_states'::regclass
        and pg_depend.classid = 'pg_rewrite'::regclass
        and pg_depend.refclassid = 'pg_class'::regclass
    union
    select
        pg_depend.refobjid,
        pg_depend.refobjsubid
    from reads
    inner join pg_catalog.pg_rewrite on reads.table_oid = pg_rewrite.ev_class
    inner join pg_catalog.pg_depend on pg_rewrite.oid = pg_depend.objid
    where
        pg_depend.classid = 'pg_rewrite'::regclass
        and pg_depend.refclassid = 'pg_class'::regclass
),

columns as (
    select
        reads.table_oid,
        reads.number,
        tables.relname || '.' || attributes.attname as name
    from reads
    inner join pg_catalog.pg_class as tables on reads.table_oid = tables.oid
    inner join pg_catalog.pg_attribute as attributes
        on
            reads.table_oid = attributes.attrelid
            and reads.number = attributes.attnum
    where tables.relkind in ('r', 'p') and reads.number > 0
    union all
    -- What is_session_in_force reads.
    select
        attributes.attrelid as table_oid,
        attributes.attnum as number,
        'sessions.' || attributes.attname as name
    from pg_catalog.pg_attribute as attributes
    where
        attributes.attrelid = 'authority.sessions'::regclass
        and attributes.attname = 'revoked_at'
),

-- Bit 8 of the type stands for DELETE, and bit 16 for UPDATE.
watchers as (
    select
        pg_trigger.tgrelid as table_oid,
        pg_trigger.tgtype::integer as kinds,
        pg_trigger.tgattr::smallint[] as numbers
    from pg_catalog.pg_trigger
    inner join pg_catalog.pg_proc on pg_trigger.tgfoid = pg_proc.oid
    where
        pg_proc.pronamespace = 'authority'::regnamespace
        and pg_proc.proname like 'publish\_%'
        and pg_trigger.tgenabled in ('O', 'A')
        and pg_trigger.tgdeferrable
        and pg_trigger.tginitdeferred
),

roles (name) as (
    values ('authority_app'), ('authority_maintenance'), ('authority_reader')
),

found as (
    select columns.name
    from columns
    where
        exists (
            select from roles
            where
                has_column_privilege(
                    roles.name, columns.table_oid, columns.number::smallint, 'update'
                )
        )
        and not exists (
            select from watchers
            where
                watchers.table_oid = columns.table_oid
                and watchers.kinds & 16 > 0
                and columns.number = any(watchers.numbers)
        )
    union
    select columns.table_oid::regclass::text as name
    from columns
    where
        exists (
            select from roles
            where has_table_privilege(roles.name, columns.table_oid, 'delete')
        )
        and not exists (
            select from watchers
            where
                watchers.table_oid = columns.table_oid
                and watchers.kinds & 8 > 0
        )
)

select pg_depend.refobjid::regprocedure::text as offender
from pg_catalog.pg_rewrite
inner join pg_catalog.pg_depend on pg_rewrite.oid = pg_depend.objid
where
    pg_rewrite.ev_class = 'authority.token_states'::regclass
    and pg_depend.classid = 'pg_rewrite'::regclass
    and pg_depend.refclassid = 'pg_proc'::regclass
    and pg_depend.refobjid::regprocedure::text not in (
        select functions.name from functions
    )
union
select found.name as offender
from found
where
    replace(found.name, 'authority.', '') not in (
        select known.subject from known
    );
