-- The privileges in the schema authority, from the catalogue: an object and a line of
-- it, in order. Grants to the owner are omitted, because owners have all privileges. A
-- partition that is not the default one has the name of its parent in folds_into. The
-- result is the same on every PostgreSQL from 15 on, whatever the collation is.
with the_roles as (
    select
        pg_roles.*,
        pg_roles.rolname::text as name
    from pg_catalog.pg_roles
    where
        pg_roles.rolname in (
            'authority_app', 'authority_maintenance', 'authority_reader'
        )
),

relations as (
    select
        classes.oid,
        classes.relowner as owner,
        classes.relacl,
        classes.relrowsecurity,
        classes.relforcerowsecurity,
        classes.reloptions,
        case classes.relkind
            when 'v' then 'view'
            when 'm' then 'materialized view'
            when 'S' then 'sequence'
            when 'f' then 'foreign table'
            else 'table'
        end as kind,
        format('authority.%I', classes.relname) as name,
        case
            when
                classes.relispartition
                and pg_get_expr(classes.relpartbound, classes.oid) <> 'DEFAULT'
                then parents.relname
        end as folds_into
    from pg_catalog.pg_class as classes
    left join pg_catalog.pg_inherits on classes.oid = pg_inherits.inhrelid
    left join pg_catalog.pg_class as parents on pg_inherits.inhparent = parents.oid
    where
        classes.relnamespace = to_regnamespace('authority')
        and classes.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
),

functions as (
    select
        procedures.oid,
        procedures.proowner as owner,
        procedures.proacl,
        procedures.prosecdef,
        case procedures.prokind
            when 'p' then 'procedure'
            else 'function'
        end as kind,
        format(
            'authority.%I(%s)',
            procedures.proname,
            pg_get_function_identity_arguments(procedures.oid)
        ) as name
    from pg_catalog.pg_proc as procedures
    where procedures.pronamespace = to_regnamespace('authority')
),

objects as (
    select
        1 as rank,
        'schema' as kind,
        'authority' as name,
        schemas.nspowner as owner,
        coalesce(schemas.nspacl, acldefault('n', schemas.nspowner)) as acl,
        array[]::text[] as facts
    from pg_catalog.pg_namespace as schemas
    where schemas.oid = to_regnamespace('authority')
    union all
    select
        2 as rank,
        relations.kind,
        relations.name,
        relations.owner,
        coalesce(
            relations.relacl,
            case relations.kind
                when 'sequence' then acldefault('s', relations.owner)
                else acldefault('r', relations.owner)
            end
        ) as acl,
        array_remove(
            array[
                case
                    when relations.kind = 'table'
                        then concat(
                            'row security ',
                            case when relations.relrowsecurity then 'on' else 'off' end,
                            case
                                when relations.relforcerowsecurity
                                    then ', for the owner too'
                            end
                        )
                    when relations.kind = 'view'
                        then concat(
                            'reads as its ',
                            case
                                when 'security_invoker=true' = any(relations.reloptions)
                                    then 'caller'
                                else 'owner'
                            end
                        )
                end
            ],
            null
        ) as facts
    from relations
    union all
    select
        3 as rank,
        functions.kind,
        functions.name,
        functions.owner,
        coalesce(functions.proacl, acldefault('f', functions.owner)) as acl,
        array[
            concat(
                'runs as its ',
                case when functions.prosecdef then 'owner' else 'caller' end
            )
        ] as facts
    from functions
),

-- Privileges of a whole object have no columns.
grants as (
    select
        objects.rank,
        objects.kind,
        objects.name,
        objects.owner,
        granted.grantee,
        granted.is_grantable,
        lower(granted.privilege_type) as privilege,
        null::text as columns
    from objects
    cross join lateral aclexplode(objects.acl) as granted
    union all
    select
        2 as rank,
        relations.kind,
        relations.name,
        relations.owner,
        granted.grantee,
        granted.is_grantable,
        lower(granted.privilege_type) as privilege,
        string_agg(
            quote_ident(columns.attname), ', ' order by columns.attnum
        ) as columns
    from relations
    inner join pg_catalog.pg_attribute as columns on relations.oid = columns.attrelid
    cross join lateral aclexplode(columns.attacl) as granted
    where not columns.attisdropped
    group by
        relations.kind,
        relations.name,
        relations.owner,
        granted.grantee,
        granted.is_grantable,
        granted.privilege_type
),

-- One line for all privileges on the whole object, one for each kind on some columns.
granted_lines as (
    select
        grants.rank,
        grants.kind,
        grants.name,
        2 as part,
        concat(
            case
                when grants.grantee = 0 then 'PUBLIC'
                else pg_get_userbyid(grants.grantee)
            end,
            ': ',
            string_agg(
                grants.privilege, ', ' order by grants.privilege::name
            ),
            ' (' || grants.columns || ')',
            case when grants.is_grantable then ', and may grant it' end
        ) as line
    from grants
    where grants.grantee <> grants.owner
    group by
        grants.rank,
        grants.kind,
        grants.name,
        grants.grantee,
        grants.is_grantable,
        grants.columns,
        case when grants.columns is not null then grants.privilege end
),

policy_lines as (
    select
        2 as rank,
        relations.kind,
        relations.name,
        3 as part,
        concat(
            'policy ',
            policies.polname,
            ': ',
            case when policies.polpermissive then 'permissive' else 'restrictive' end,
            ', for ',
            case policies.polcmd
                when 'r' then 'select'
                when 'a' then 'insert'
                when 'w' then 'update'
                when 'd' then 'delete'
                else 'all'
            end,
            ', to ',
            case
                when policies.polroles = '{0}' then 'everybody'
                else (
                    select
                        string_agg(
                            pg_get_userbyid(member.role), ', '
                            order by pg_get_userbyid(member.role)
                        )
                    from unnest(policies.polroles) as member (role)
                )
            end
        ) as line
    from relations
    inner join pg_catalog.pg_policy as policies on relations.oid = policies.polrelid
),

lines as (
    select
        0 as rank,
        'roles' as kind,
        '' as name,
        1 as part,
        concat_ws(
            ', ',
            the_roles.name || ': ' || case
                when the_roles.rolcanlogin then 'login' else 'no login'
            end,
            case
                when the_roles.rolsuper then 'superuser' else 'no superuser'
            end,
            case
                when the_roles.rolbypassrls
                    then 'bypasses row security'
                else 'restricted by row security'
            end,
            case when the_roles.rolcreaterole then 'creates roles' end,
            case when the_roles.rolcreatedb then 'creates databases' end,
            case when the_roles.rolreplication then 'replicates' end,
            case when not the_roles.rolinherit then 'does not inherit' end,
            'settings: ' || array_to_string(the_roles.rolconfig, ', ')
        ) as line
    from the_roles
    union all
    select
        0 as rank,
        'roles' as kind,
        '' as name,
        2 as part,
        concat(members.name, ': a member of ', the_roles.name) as line
    from pg_catalog.pg_auth_members as memberships
    inner join the_roles on memberships.roleid = the_roles.oid
    inner join the_roles as members on memberships.member = members.oid
    union all
    select
        objects.rank,
        objects.kind,
        objects.name,
        1 as part,
        concat_ws(
            ', ',
            'owner ' || pg_get_userbyid(objects.owner),
            array_to_string(nullif(objects.facts, '{}'), ', ')
        ) as line
    from objects
    union all
    select
        granted_lines.rank,
        granted_lines.kind,
        granted_lines.name,
        granted_lines.part,
        granted_lines.line
    from granted_lines
    union all
    select
        policy_lines.rank,
        policy_lines.kind,
        policy_lines.name,
        policy_lines.part,
        policy_lines.line
    from policy_lines
    union all
    select
        4 as rank,
        'default privileges' as kind,
        pg_get_userbyid(defaults.defaclrole)::text as name,
        1 as part,
        concat(
            defaults.defaclobjtype,
            ' ',
            granted.grantee::regrole,
            ': ',
            lower(granted.privilege_type)
        ) as line
    from pg_catalog.pg_default_acl as defaults
    cross join lateral aclexplode(defaults.defaclacl) as granted
    where
        defaults.defaclnamespace = to_regnamespace('authority')
        or defaults.defaclrole = 'pg_database_owner'::regrole
        or defaults.defaclrole in (select the_roles.oid from the_roles)
)

select
    rtrim(concat(lines.kind, ' ', lines.name)) as object,
    lines.line,
    relations.folds_into
from lines
left join relations
    on
        lines.rank = 2
        and lines.name = relations.name
order by
    lines.rank,
    lines.name collate "C",
    lines.part,
    lines.line collate "C";
