"""Statements that break each rule of the catalogue, so that every check can fail.

A rule of several parts has a breakage for each. Each breakage makes one offender.
"""

BREAKAGES = {
    "public_has_no_privilege": [
        "grant usage on schema authority to public",
        "grant select on authority.permissions to public",
        "grant select (email) on authority.users to public",
        """
        create function authority.one() returns bigint language sql
        return 1
        """,
    ],
    "ends_are_published": [
        "drop trigger users_inactive_feed on authority.users",
        "alter table authority.tokens disable trigger tokens_revoked_feed",
        "drop trigger clients_deleted_feed on authority.clients",
        "grant update (expires_at) on authority.tokens to authority_app",
        "drop trigger sessions_deleted_feed on authority.sessions",
        "alter table authority.sessions disable trigger sessions_revoked_feed",
        """
        create function authority.judge(id uuid) returns text language sql
        return 'dead';
        create or replace view authority.token_states
        with (security_invoker = true) as
        select *, authority.judge(id) as judgement from authority.token_states
        """,
        """
        drop trigger clients_disabled_feed on authority.clients;
        create constraint trigger clients_disabled_feed
        after update of enabled on authority.clients for each row
        execute function authority.publish_end('client', 'client_disabled')
        """,
    ],
    "everything_is_commented": [
        "comment on column authority.users.email is null",
        "comment on column authority.token_states.dead_because is null",
        """
        create view authority.names with (security_invoker = true) as
        select upper(users.username) as username, users.id from authority.users;
        comment on view authority.names is 'Names.'
        """,
    ],
    "everything_belongs_to_the_owner": [
        "alter schema authority owner to current_user",
        "alter table authority.users owner to current_user",
        "alter view authority.live_tokens owner to current_user",
        "alter procedure authority.isolate_tenants owner to current_user",
    ],
    "foreign_keys_are_indexed": [
        "drop index authority.role_permissions_permission_idx",
        """
        drop index authority.user_roles_tenant_id_role_id_user_id_idx;
        create index user_roles_tenant_id_role_id_user_id_idx
        on authority.user_roles (tenant_id, role_id) where expires_at is null
        """,
    ],
    "foreign_keys_carry_the_tenant": [
        """
        alter table authority.roles add constraint roles_id_key unique (id);
        alter table authority.user_roles add constraint user_roles_role_id_fk
        foreign key (role_id) references authority.roles (id)
        """,
        """
        alter table authority.clients add column parent_id uuid
        references authority.tenants (id)
        """,
        """
        alter table authority.permissions add column for_id uuid
        references authority.tenants (id)
        """,
        """
        alter table authority.user_roles
        drop constraint user_roles_tenant_id_role_id_fk,
        add constraint user_roles_tenant_id_role_id_fk
        foreign key (tenant_id, role_id)
        references authority.roles (tenant_id, id) on update cascade
        """,
    ],
    "functions_pin_their_search_path": [
        "alter function authority.address_prefix(inet) reset search_path",
        "alter procedure authority.isolate_tenants set search_path = pg_catalog",
    ],
    "functions_pin_their_settings": [
        "alter function authority.await_seat reset timezone",
        "alter function authority.drop_login_attempt_partitions set datestyle = 'SQL'",
        """
        alter function authority.without_loopback_port
        reset standard_conforming_strings
        """,
    ],
    "functions_run_as_their_caller": [
        "alter function authority.address_prefix(inet) security definer",
        "alter procedure authority.isolate_tenants security definer",
        "alter function authority.address_prefix(inet) leakproof",
    ],
    "grants_are_limited_to_rows": [
        "grant truncate on authority.users to authority_app",
        "grant references (id) on authority.users to authority_app",
        "grant select on authority.users to authority_app with grant option",
        "grant select on authority.users to pg_monitor",
        "grant select on authority.login_attempts_default to authority_app",
    ],
    "keys_begin_with_the_tenant": [
        "alter table authority.users add constraint users_email_key unique (email)",
        "create unique index users_email_idx on authority.users (lower(email))",
    ],
    "identifiers_are_visible": [
        "alter table authority.license_seats "
        "drop constraint license_seats_holder_check",
        "alter table authority.roles drop constraint roles_name_check",
        "alter table authority.used_jtis drop constraint used_jtis_kind_check, "
        "drop constraint used_jtis_kind_issuer_check",
    ],
    "keys_are_compared_by_bytes": [
        'alter table authority.license_seats alter holder type text collate "default"',
        """
        alter table authority.role_permissions
        drop constraint role_permissions_tenant_id_role_id_permission_pk,
        alter permission type text collate "default";
        drop index authority.role_permissions_permission_idx
        """,
        "create index scopes_tenant_id_display_name_idx "
        "on authority.scopes (tenant_id, display_name)",
    ],
    "stored_values_do_not_depend_on_the_locale": [
        """
        create index users_tenant_id_email_idx
        on authority.users (tenant_id, lower(email) collate "C")
        """,
        """
        alter table authority.users add column folded text
        generated always as (lower(display_name)) stored
        """,
        """
        create function authority.folded(name text) returns text
        language sql immutable return lower(name)
        """,
        """
        create function authority.folded(name text) returns text language sql
        immutable set search_path = pg_catalog, pg_temp as 'select lower(name)'
        """,
        """
        create function authority.sorted(names text[]) returns text[] language sql
        immutable set search_path = pg_catalog, pg_temp
        as 'select array(select unnest(names) order by 1)'
        """,
    ],
    "tenants_go_last": [
        """
        alter table authority.scopes
        drop constraint scopes_tenant_id_fk,
        add constraint scopes_tenant_id_fk foreign key (tenant_id)
        references authority.tenants (id) on delete cascade
        """,
        """
        alter table authority.scopes
        drop constraint scopes_tenant_id_fk,
        add constraint scopes_tenant_id_fk foreign key (tenant_id)
        references authority.tenants (id)
        """,
    ],
    "names_follow_the_rule": [
        "alter index authority.tokens_type_expires_at_idx rename to tokens_prune"
    ],
    "names_have_one_meaning": [
        "alter table authority.scopes add column client_id uuid",
        "alter table authority.login_attempts rename column client_id to client_uuid",
        """
        create view authority.named with (security_invoker = true) as
        select tokens.client_uuid as client_id from authority.tokens
        """,
        "alter table authority.consents rename column client_uuid to application_id",
    ],
    "no_index_is_redundant": [
        "create index tokens_tenant_id_idx on authority.tokens (tenant_id)"
    ],
    "other_policies_are_for_operators": [
        """
        create policy users_reader_policy on authority.users
        for select to authority_reader using (true)
        """,
        """
        create policy users_some_policy on authority.users
        to authority_maintenance, authority_app using (true)
        """,
    ],
    "policies_have_no_subquery": [
        """
        alter policy users_tenant_id_policy on authority.users
        using (tenant_id = (select current_setting('authority.tenant_id')::uuid))
        """,
        """
        alter policy roles_insert_policy on authority.roles
        with check (exists (select from authority.tenants))
        """,
    ],
    "roles_have_only_their_grants": [
        "alter role authority_reader bypassrls",
        "alter role authority_app login",
        "alter role authority_reader createrole",
        "alter role authority_app set row_security = off",
        "grant authority_maintenance to authority_app",
    ],
    "row_security_is_on": [
        "alter table authority.permissions disable row level security",
        "alter table authority.system_scopes no force row level security",
    ],
    "rows_have_a_creation_time": [
        "alter table authority.scopes drop column created_at"
    ],
    "tables_belong_to_tenants": [
        "create table authority.countries (code text primary key)",
        "create table authority.drafts (tenant_id uuid)",
        "grant insert on authority.permissions to authority_app",
        "grant update (description) on authority.permissions to authority_reader",
        "grant truncate on authority.system_roles to authority_maintenance",
    ],
    "system_rows_are_not_the_tenants": [
        "drop policy roles_update_policy on authority.roles",
        "alter policy scopes_insert_policy on authority.scopes with check (true)",
        "alter policy scopes_delete_policy on authority.scopes using (true)",
        "alter policy roles_insert_policy on authority.roles to authority_reader",
    ],
    "tenants_are_isolated": [
        "alter table authority.users disable row level security",
        "alter table authority.tenants no force row level security",
        "alter table authority.login_attempts_default no force row level security",
        "drop policy users_tenant_id_policy on authority.users",
        "alter policy users_tenant_id_policy on authority.users to authority_app",
        "alter policy users_tenant_id_policy on authority.users using (true)",
        "alter policy users_tenant_id_policy on authority.users with check (true)",
        "create table authority.drafts (tenant_id uuid not null)",
    ],
    "the_reader_only_reads": [
        "grant update (email) on authority.users to authority_reader",
        "grant delete on authority.users to authority_reader",
        "grant select (password_hash) on authority.users to authority_reader",
        "grant select (nonce) on authority.live_tokens to authority_reader",
    ],
    "times_come_from_the_clock": [
        "alter table authority.users alter column created_at set default now()",
        "alter table authority.users alter column created_at set default current_date",
        "create view authority.today as select clock_timestamp() as today",
        """
        create function authority.one() returns bigint language plpgsql
        as 'begin return extract(epoch from statement_timestamp())::bigint; end'
        """,
    ],
    "types_are_permitted": ["alter table authority.scopes add column note varchar(9)"],
    "values_are_bounded": [
        "alter table authority.scopes add column retired_at timestamptz",
        "alter table authority.scopes add column delay interval",
        "alter table authority.scopes add column note text",
        "alter table authority.scopes add column notes text[]",
        "alter table authority.scopes add column owners uuid[]",
        "alter table authority.scopes add column icon bytea",
        "alter table authority.scopes add column theme jsonb",
        "alter table authority.licenses drop constraint licenses_durations_check",
        """
        alter table authority.scopes drop constraint scopes_moments_check,
        add constraint scopes_moments_check check (
            least(created_at, updated_at) >= '1900-01-01Z'
            and greatest(created_at, updated_at) <= '9000-01-01Z'
        )
        """,
        """
        alter table authority.scopes drop constraint scopes_description_check,
        add constraint scopes_description_check
        check (is_system or char_length(description) <= 2000)
        """,
        """
        alter table authority.tokens drop constraint tokens_scopes_check,
        add constraint tokens_scopes_check
        check (array_position(scopes, null) is null)
        """,
    ],
    "ended_rows_do_not_block_deletions": [
        """
        alter table authority.consents
        drop constraint consents_tenant_id_client_uuid_fk,
        add constraint consents_tenant_id_client_uuid_fk
        foreign key (tenant_id, client_uuid)
        references authority.clients (tenant_id, id)
        """,
        "grant delete on authority.permissions to authority_app",
    ],
    "constraints_hold_for_all_rows": [
        """
        alter table authority.users
        add constraint users_email_verified_check check (email <> '') not valid
        """,
        """
        update pg_catalog.pg_index set indisvalid = false
        where indexrelid = 'authority.user_roles_expires_at_idx'::regclass
        """,
    ],
    "ended_rows_are_pruned": [
        "revoke delete on authority.consents from authority_maintenance",
        "alter table authority.licenses add column paid_until date",
        "create table authority.drafts (tenant_id uuid not null, ends_at timestamptz)",
    ],
    "views_read_as_their_caller": [
        "alter view authority.live_tokens reset (security_invoker)",
        """
        create materialized view authority.all_users as
        select users.id from authority.users
        """,
    ],
    "tables_can_be_replicated": [
        "alter table authority.consents replica identity nothing",
        "alter table authority.login_throttles drop constraint "
        "login_throttles_tenant_id_id_pk",
        "alter table authority.revocations set unlogged",
        """
        alter table authority.login_throttles
        drop constraint login_throttles_tenant_id_id_pk,
        add constraint login_throttles_tenant_id_id_pk
        primary key (tenant_id, id, ending_hour)
        """,
        "create sequence authority.numbers",
        "alter table authority.tokens enable always trigger tokens_revoked_feed",
        "alter table authority.users enable replica trigger users_audit_trigger",
    ],
}
