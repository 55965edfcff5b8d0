-- Creates the schema that every table of the authority lives in.
--
-- Locks: none on tables in use.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create schema if not exists authority;

comment on schema authority is
'Storage of a multi-tenant OAuth 2.0 / OpenID Connect authority.';
