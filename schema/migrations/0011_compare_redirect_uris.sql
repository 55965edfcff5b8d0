-- Creates the function that compares redirect URIs of native applications.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local standard_conforming_strings = on;
set local role pg_database_owner;
call authority.begin_migration('0011_compare_redirect_uris');

create or replace function authority.without_loopback_port(uri text)
returns text
language sql
immutable strict parallel safe
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
select regexp_replace(
    uri, '^(http://(127[.]0[.]0[.]1|[[]::1[]])):[0-9]{1,5}(?=[/?]|$)', e'\\1'
)
$$;

comment on function authority.without_loopback_port(text) is
'Returns a redirect URI without the port of a loopback address. Redirect URIs of native
applications are compared in this form (RFC 8252 section 7.3).';

revoke execute on function authority.without_loopback_port(text) from public;
grant execute on function authority.without_loopback_port(text) to authority_app;
