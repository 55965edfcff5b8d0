-- Creates the functions that check constraints call to bound stored values.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local standard_conforming_strings = on;
set local role pg_database_owner;
call authority.begin_migration('0005_bound_values');

-- Timestamps and intervals have bounds too. Each table states them itself, which costs
-- nothing: a timestamp is from 1900 to before 9000 in UTC, an interval at most 36,525
-- days, so that their sums can be read in every time zone.
create or replace function authority.is_text_list(
    texts text[], most bigint, longest bigint
)
returns boolean
language plpgsql
immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    each text;
begin
    if array_ndims(texts) > 1 or cardinality(texts) > most then
        return false;
    end if;
    foreach each in array coalesce(texts, '{}')
    loop
        if
            each is null
            or char_length(each) not between 1 and longest
            or cardinality(array_positions(texts, each)) > 1
        then
            return false;
        end if;
    end loop;
    return true;
end
$$;

comment on function authority.is_text_list(text[], bigint, bigint) is
'Returns whether the list has at most this many texts, without duplicates, each of 1 to
this many characters. Null passes.';

create or replace function authority.is_scope_list(scopes text[])
returns boolean
language plpgsql
immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    scope text;
begin
    if array_ndims(scopes) > 1 or cardinality(scopes) > 100 then
        return false;
    end if;
    foreach scope in array coalesce(scopes, '{}')
    loop
        if
            scope is null
            or char_length(scope) > 255
            or scope !~ '^[]!#-[^-~]+$' -- {1,255} is slow
            or cardinality(array_positions(scopes, scope)) > 1
        then
            return false;
        end if;
    end loop;
    return true;
end
$$;

comment on function authority.is_scope_list(text[]) is
'Returns whether the list has at most 100 scopes, without duplicates, each a scope-token
(RFC 6749 section 3.3) of at most 255 characters. Null passes.';

create or replace function authority.is_resource_list(resources text[])
returns boolean
language plpgsql
immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    resource text;
begin
    if array_ndims(resources) > 1 or cardinality(resources) > 100 then
        return false;
    end if;
    foreach resource in array coalesce(resources, '{}')
    loop
        if
            resource is null
            or char_length(resource) > 2048
            or resource !~ (
                '^[A-Za-z][A-Za-z0-9+.-]*:'
                '(?:[]A-Za-z0-9._~:/?@!$&''()*+,;=[-]|%[0-9A-Fa-f]{2})+$'
            )
            or cardinality(array_positions(resources, resource)) > 1
        then
            return false;
        end if;
    end loop;
    return true;
end
$$;

comment on function authority.is_resource_list(text[]) is
'Returns whether the list has at most 100 resources, without duplicates, each an
absolute URI without a fragment (RFC 8707 section 2) of at most 2048 characters. Null
passes.';

create or replace function authority.is_details_list(details jsonb)
returns boolean
language plpgsql
immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if details = '[]' then
        return true;
    elsif jsonb_typeof(details) <> 'array' or jsonb_array_length(details) > 100 then
        return false;
    end if;
    -- The filter of a strict path drops an object without a type.
    return jsonb_array_length(details) = jsonb_array_length(
        jsonb_path_query_array(
            details,
            'strict $[*] ? (
                @.type() == "object" && @."type".type() == "string" && @."type" != ""
            )'
        )
    );
end
$$;

comment on function authority.is_details_list(jsonb) is
'Returns whether a document is a list of at most 100 objects, each with a type (RFC 9396
section 2).';

create or replace function authority.is_bounded_json(value jsonb)
returns boolean
language plpgsql
immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    return octet_length(value::text) <= 65536
        and not jsonb_path_exists(value, 'strict $.**{32}');
end
$$;

comment on function authority.is_bounded_json(jsonb) is
'Returns whether a document has at most 65,536 octets as text and at most 32 levels,
counting its values, so that every parser can read it.';

create or replace function authority.is_visible(value text)
returns boolean
language sql
immutable strict parallel safe
return value collate "C" !~ (
    '[\u0001-\u001f\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5'
    '\u180b-\u180f\u2000-\u200b\u200e\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000'
    '\u3164\ue000-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff'
    '\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U0010ffff]'
    '|^ | $|(^| )[\u200c\u200d]|^$'
);

comment on function authority.is_visible(text) is
'Returns whether an identifier is visible: not empty, without control characters,
invisible characters, spaces other than U+0020, and spaces at either end. The code
points are listed, so that neither a locale nor a version of Unicode changes the
result.';

create or replace function authority.limit_rows()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
    owner_column constant text := tg_argv[0];
    most constant bigint := tg_argv[1];
    owner constant uuid := to_jsonb(new) ->> owner_column;
    locking text;
    counted bigint;
begin
    -- The key names the owner's table. On a shard it names the shard.
    select format(
        'select from %s where tenant_id = $1 and id = $2 for no key update',
        pg_constraint.confrelid::regclass
    )
    into locking
    from pg_constraint
    inner join pg_attribute
        on
            pg_constraint.conrelid = pg_attribute.attrelid
            and pg_attribute.attnum = any(pg_constraint.conkey)
    where
        pg_constraint.conrelid = tg_relid
        and pg_constraint.contype = 'f'
        and pg_attribute.attname = owner_column;
    execute locking using new.tenant_id, owner;
    -- Sees what was committed before the lock was granted.
    execute format(
        'select count(*) from (select from %s where tenant_id = $1 and %I = $2'
        ' limit %s) as counted',
        tg_relid::regclass, owner_column, most + 1
    )
    into counted using new.tenant_id, owner;
    if counted > most then
        raise exception using
            errcode = 'check_violation',
            message = format('%I has more than %s rows of one %I',
                tg_table_name, most, owner_column),
            schema = tg_table_schema,
            table = tg_table_name,
            constraint = tg_name;
    end if;
    return null;
end
$$;

comment on function authority.limit_rows() is
'A trigger after an insert that refuses more rows of one owner than its second argument;
the first one is the column that references the owner. The error names the trigger as
its constraint. Inserts of one owner wait for each other: each locks the owner''s row.';

revoke execute on function
authority.limit_rows(),
authority.is_text_list(text[], bigint, bigint),
authority.is_scope_list(text[]),
authority.is_resource_list(text[]),
authority.is_details_list(jsonb),
authority.is_bounded_json(jsonb),
authority.is_visible(text)
from public;
-- A check constraint runs as the role that writes the row.
grant execute on function
authority.is_text_list(text[], bigint, bigint),
authority.is_scope_list(text[]),
authority.is_resource_list(text[]),
authority.is_details_list(jsonb),
authority.is_bounded_json(jsonb),
authority.is_visible(text)
to authority_app, authority_maintenance;
