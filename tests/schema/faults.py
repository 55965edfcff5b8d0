"""Ways to damage a migrated database by hand, and what `authority check` prints."""

from typing import Final

LOST_TABLE = "is missing"
FOREIGN = "is not in the release"

# The statements, the object that differs, and a part of the printed difference.
FAULTS: Final[dict[str, tuple[str, str, str]]] = {
    "a dropped table": (
        "drop table authority.consents cascade",
        "table authority.consents",
        LOST_TABLE,
    ),
    "a dropped view": (
        "drop view authority.usable_licenses cascade",
        "view authority.usable_licenses",
        LOST_TABLE,
    ),
    "a dropped function": (
        "drop function authority.merge_texts(text[], text[])",
        "function authority.merge_texts(texts text[], others text[])",
        LOST_TABLE,
    ),
    "a dropped column": (
        "alter table authority.users drop column display_name cascade",
        "table authority.users",
        "- column display_name: text",
    ),
    "an added column": (
        "alter table authority.users add column note text",
        "table authority.users",
        "+ column note: text",
    ),
    "a renamed column": (
        "alter table authority.users rename column attributes to claims",
        "table authority.users",
        "+ column claims: jsonb",
    ),
    "another type": (
        "alter table authority.roles alter column description type varchar",
        "table authority.roles",
        "+ column description: character varying",
    ),
    "another collation": (
        "alter table authority.roles "
        'alter column description type text collate "POSIX"',
        "table authority.roles",
        'collate "POSIX"',
    ),
    "a dropped NOT NULL": (
        "alter table authority.tokens alter column expires_at drop not null",
        "table authority.tokens",
        "- column expires_at: timestamp with time zone not null",
    ),
    "an added NOT NULL": (
        "alter table authority.tokens alter column nonce set not null",
        "table authority.tokens",
        "+ column nonce: text not null",
    ),
    "another default": (
        "alter table authority.users alter column status set default 'locked'",
        "table authority.users",
        "+ column status: text collate \"C\" not null default 'locked'",
    ),
    "a dropped default": (
        "alter table authority.tokens alter column created_at drop default",
        "table authority.tokens",
        "+ column created_at: timestamp with time zone not null",
    ),
    "a dropped UNIQUE": (
        "alter table authority.tokens drop constraint tokens_tenant_id_token_hash_key",
        "table authority.tokens",
        "- constraint tokens_tenant_id_token_hash_key: UNIQUE",
    ),
    "a dropped CHECK": (
        "alter table authority.tokens drop constraint tokens_type_expires_at_check",
        "table authority.tokens",
        "- constraint tokens_type_expires_at_check: CHECK",
    ),
    "a weaker CHECK": (
        "alter table authority.users drop constraint users_status_check; "
        "alter table authority.users add constraint users_status_check check (true)",
        "table authority.users",
        "+ constraint users_status_check: CHECK (true)",
    ),
    "a CHECK that is not validated": (
        "alter table authority.used_jtis drop constraint used_jtis_moments_check; "
        "alter table authority.used_jtis add constraint used_jtis_moments_check "
        "check (expires_at >= '1900-01-01Z' and expires_at < '9000-01-01Z') not valid",
        "table authority.used_jtis",
        "NOT VALID",
    ),
    "a dropped foreign key": (
        "alter table authority.tokens drop constraint tokens_tenant_id_client_uuid_fk",
        "table authority.tokens",
        "- constraint tokens_tenant_id_client_uuid_fk: FOREIGN KEY",
    ),
    "a foreign key that cascades": (
        "alter table authority.clients drop constraint clients_tenant_id_fk; "
        "alter table authority.clients add constraint clients_tenant_id_fk "
        "foreign key (tenant_id) references authority.tenants (id) on delete cascade",
        "table authority.clients",
        "ON DELETE CASCADE",
    ),
    "a dropped index": (
        "drop index authority.tokens_tenant_id_client_uuid_id_idx",
        "table authority.tokens",
        "- index CREATE INDEX tokens_tenant_id_client_uuid_id_idx",
    ),
    "an added index": (
        "create index by_hand on authority.users (display_name)",
        "table authority.users",
        "+ index CREATE INDEX by_hand",
    ),
    "an invalid index": (
        "update pg_index set indisvalid = false where indexrelid = "
        "'authority.tokens_tenant_id_client_uuid_id_idx'::regclass",
        "table authority.tokens",
        "(invalid)",
    ),
    "row security off": (
        "alter table authority.users disable row level security",
        "table authority.users",
        "row security off",
    ),
    "row security not forced": (
        "alter table authority.users no force row level security",
        "table authority.users",
        "+ owner pg_database_owner, row security on",
    ),
    "a dropped policy": (
        "drop policy users_tenant_id_policy on authority.users",
        "table authority.users",
        "- policy users_tenant_id_policy: permissive",
    ),
    "an extra policy": (
        "create policy everything on authority.users using (true)",
        "table authority.users",
        "+ policy everything: permissive, for all, to everybody",
    ),
    "a wider policy": (
        "alter policy users_tenant_id_policy on authority.users using (true)",
        "table authority.users",
        "+ policy users_tenant_id_policy: using (true)",
    ),
    "a policy for one more role": (
        "alter policy users_tenant_id_policy on authority.users to authority_reader",
        "table authority.users",
        "+ policy users_tenant_id_policy: permissive, for all, to authority_reader",
    ),
    "a view that reads as its owner": (
        "alter view authority.live_tokens reset (security_invoker)",
        "view authority.live_tokens",
        "reads as its owner",
    ),
    "another view": (
        "do $$ begin execute 'create or replace view authority.active_tenants "
        "with (security_invoker = true) as ' || replace(pg_get_viewdef("
        "'authority.active_tenants'::regclass), 'trial', 'suspended'); end $$",
        "view authority.active_tenants",
        "'suspended'",
    ),
    "a replaced function": (
        "create or replace function authority.clock() returns timestamptz "
        "language sql stable parallel safe return '2020-01-01Z'::timestamptz",
        "function authority.clock()",
        "2020-01-01",
    ),
    "a function that runs as its owner": (
        "alter function authority.merge_texts(text[], text[]) security definer",
        "function authority.merge_texts(texts text[], others text[])",
        "runs as its owner",
    ),
    "a function without its search_path": (
        "alter function authority.merge_texts(text[], text[]) reset search_path",
        "function authority.merge_texts(texts text[], others text[])",
        "-  SET search_path TO",
    ),
    "an overloaded function": (
        "create function authority.clock(integer) returns integer "
        "language sql as 'select 1'",
        "function authority.clock(integer)",
        FOREIGN,
    ),
    "an added table": (
        "create table authority.copy_of_users as select * from authority.users",
        "table authority.copy_of_users",
        FOREIGN,
    ),
    "an added sequence": (
        "create sequence authority.numbers",
        "sequence authority.numbers",
        FOREIGN,
    ),
    "an added type": (
        "create type authority.mood as enum ('good')",
        "type authority.mood",
        FOREIGN,
    ),
    "an UNLOGGED table": (
        "alter table authority.used_jtis set unlogged",
        "table authority.used_jtis",
        "+ stored: unlogged",
    ),
    "another fillfactor": (
        "alter table authority.tokens reset (fillfactor)",
        "table authority.tokens",
        "fillfactor=90",
    ),
    "a detached partition": (
        "alter table authority.login_attempts detach partition "
        "authority.login_attempts_default",
        "table authority.login_attempts_default",
        "- partition of authority.login_attempts DEFAULT",
    ),
    "a month without its policy": (
        "do $$ begin execute format('drop policy %1$s_tenant_id_policy on "
        "authority.%1$s', 'login_attempts_' || to_char("
        "now() at time zone 'UTC', '\"y\"YYYY\"m\"MM')); end $$",
        "table authority.login_attempts_y",
        FOREIGN,
    ),
    "an added trigger": (
        "create function pg_temp.stop() returns trigger language plpgsql "
        "as 'begin return null; end'; create trigger stop before insert "
        "on authority.revocations for each row execute function pg_temp.stop()",
        "table authority.revocations",
        "+ trigger CREATE TRIGGER stop",
    ),
    "disabled triggers": (
        "alter table authority.tokens disable trigger all",
        "table authority.tokens",
        "+ triggers of foreign key tokens_tenant_id_client_uuid_fk disabled",
    ),
    "an added rule": (
        "create rule quiet as on delete to authority.users do instead nothing",
        "table authority.users",
        "+ rule CREATE RULE quiet",
    ),
    "a table that inherits": (
        "create table authority.more_users () inherits (authority.users)",
        "table authority.more_users",
        FOREIGN,
    ),
    "a grant to PUBLIC": (
        "grant select on authority.users to public",
        "table authority.users",
        "+ PUBLIC: select",
    ),
    "a grant on a column": (
        "grant select (password_hash) on authority.users to authority_reader",
        "table authority.users",
        "password_hash",
    ),
    "a revoked grant": (
        "revoke insert on authority.tokens from authority_app",
        "table authority.tokens",
        "- authority_app: insert, select",
    ),
    "execution for PUBLIC": (
        "grant execute on function authority.find_tenant(text) to public",
        "function authority.find_tenant(code text)",
        "+ PUBLIC: execute",
    ),
    "another owner": (
        "create role planted_owner; "
        "alter table authority.used_jtis owner to planted_owner",
        "table authority.used_jtis",
        "+ owner planted_owner",
    ),
    "default privileges": (
        "alter default privileges for role pg_database_owner in schema authority "
        "grant select on tables to authority_reader",
        "default privileges pg_database_owner",
        "+ r authority_reader: select",
    ),
    "the schema's usage": (
        "revoke usage on schema authority from authority_app",
        "schema authority",
        "- authority_app: usage",
    ),
    "a group role that logs in": (
        "alter role authority_app login",
        "roles",
        "+ authority_app: login",
    ),
    "BYPASSRLS": (
        "alter role authority_app bypassrls",
        "roles",
        "bypasses row security",
    ),
    "SUPERUSER": ("alter role authority_app superuser", "roles", "superuser"),
    "a group role in another": (
        "grant authority_maintenance to authority_app",
        "roles",
        "+ authority_app: a member of authority_maintenance",
    ),
    "a group role that reads all data": (
        "grant pg_read_all_data to authority_app",
        "roles",
        "+ authority_app: a member of pg_read_all_data",
    ),
    "a service that bypasses row security": (
        "create role planted_service login bypassrls; "
        "grant authority_app to planted_service",
        "roles",
        "+ planted_service: a member of authority_app and bypasses row security",
    ),
    "CONNECT for PUBLIC": (
        "do $$ begin execute format('grant connect on database %I to public', "
        "current_database()); end $$",
        "database",
        "+ PUBLIC: connect",
    ),
    "triggers off for every session": (
        "do $$ begin execute format('alter database %I set "
        "session_replication_role = replica', current_database()); end $$",
        "database",
        "+ setting for every login: session_replication_role=replica",
    ),
    "a pending migration": (
        "delete from authority_yoyo._yoyo_migration where migration_id like '0006%'",
        "migrations",
        "- 0006_create_tenants",
    ),
    "a newer database": (
        "insert into authority_yoyo._yoyo_migration "
        "(migration_hash, migration_id, applied_at_utc) "
        "values ('x', '9999_change_all', now())",
        "migrations",
        "+ 9999_change_all",
    ),
    "a run that was killed": (
        "insert into authority_yoyo.yoyo_lock (locked, ctime, pid) "
        "values (1, now(), 4711)",
        "migrations",
        "+ lock: held by process 4711 since",
    ),
}
