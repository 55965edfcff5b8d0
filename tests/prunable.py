"""Inserts expired and live rows in bulk, for each step of pruning."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID

import psycopg

from authority_queries import Store
from authority_queries.service.retention import StepName
from tests.factories import make_client, make_license, make_tenant, make_user

Dba: TypeAlias = "psycopg.Connection[Any]"
DAY = timedelta(days=1)
# The end of a row, relative to now. Rows are kept for a day after it, or 400 days.
OVER = -2 * DAY
LIVE = timedelta(minutes=8)


@dataclass(frozen=True, kw_only=True)
class Prunable:
    """The table of a step, how to insert its rows, and how to prolong them.

    `made` inserts referenced rows from `numbers`. `counted` selects the step's rows.
    """

    table: str
    columns: str
    values: str
    prolong: str | None
    made: str = "made as (select * from numbers)"
    counted: str = "true"


_ENDS = "authority.clock() + %(remaining)s"

PRUNABLE: Mapping[StepName, Prunable] = {
    "default_partition": Prunable(
        table="login_attempts",
        columns="tenant_id, username, outcome, created_at",
        values=f"%(tenant_id)s, 'ann', 'failed', {_ENDS} - interval '400 days'",
        prolong=None,  # the log is append-only
    ),
    "default_audit_partition": Prunable(
        table="audit_events",
        columns="tenant_id, action, actor_kind, created_at",
        values=f"%(tenant_id)s, 'x', 'login', {_ENDS} - interval '400 days'",
        prolong=None,  # events are append-only
        counted="action = 'x'",
    ),
    "used_jtis": Prunable(
        table="used_jtis",
        columns="tenant_id, kind, issuer, jti_hash, expires_at, created_at",
        values="%(tenant_id)s, 'client_assertion', 'app', "
        f"sha256(uuid_send(gen_random_uuid())), {_ENDS}, {_ENDS} - interval '1 hour'",
        prolong="expires_at = authority.clock() + interval '1 hour', "
        "created_at = authority.clock()",
    ),
    "pushed_requests": Prunable(
        table="pushed_requests",
        columns="tenant_id, client_uuid, request_uri_hash, parameters, expires_at, "
        "created_at",
        values="%(tenant_id)s, %(client_uuid)s, sha256(uuid_send(gen_random_uuid())), "
        f"'{{}}', {_ENDS}, {_ENDS} - interval '9 minutes'",
        prolong="expires_at = authority.clock() + interval '8 minutes', "
        "created_at = authority.clock()",
    ),
    "device_authorizations": Prunable(
        table="device_authorizations",
        columns="tenant_id, client_uuid, device_code_hash, user_code_hash, expires_at, "
        "created_at",
        values="%(tenant_id)s, %(client_uuid)s, sha256(uuid_send(gen_random_uuid())), "
        "sha256(uuid_send(gen_random_uuid())), "
        f"{_ENDS}, {_ENDS} - interval '9 minutes'",
        prolong="expires_at = authority.clock() + interval '8 minutes', "
        "created_at = authority.clock()",
    ),
    "one_time_tokens": Prunable(
        table="one_time_tokens",
        made="made as (select gen_random_uuid() as id from numbers)",
        columns="tenant_id, id, purpose, email, token_hash, expires_at, created_at",
        values="%(tenant_id)s, made.id, 'sign_in', made.id || '@example.com', "
        f"sha256(uuid_send(made.id)), {_ENDS}, {_ENDS} - interval '9 minutes'",
        prolong="expires_at = authority.clock() + interval '8 minutes', "
        "created_at = authority.clock()",
    ),
    "signing_keys": Prunable(
        table="signing_keys",
        made="made as (select gen_random_uuid()::text as kid from numbers)",
        columns="tenant_id, kid, alg, public_jwk, signs_from, retired_at, "
        "published_until",
        values="%(tenant_id)s, made.kid, 'ES256', jsonb_build_object("
        "'kty', 'EC', 'kid', made.kid, 'alg', 'ES256', 'use', 'sig'), "
        f"now(), now(), {_ENDS}",
        prolong="published_until = authority.clock() + interval '1 hour'",
    ),
    "tokens": Prunable(
        table="tokens",
        columns="tenant_id, client_uuid, type, token_hash, expires_at, created_at, "
        "authenticated_at",
        values="%(tenant_id)s, %(client_uuid)s, 'access', "
        f"sha256(uuid_send(gen_random_uuid())), {_ENDS}, {_ENDS} - interval '1 hour', "
        f"{_ENDS} - interval '1 hour'",
        prolong="expires_at = authority.clock() + interval '1 hour'",
        counted="type = 'access'",
    ),
    "refresh_tokens": Prunable(
        table="tokens",
        made="""
            family as (
                insert into authority.authorizations
                (tenant_id, client_uuid, expires_at, tokens_expire_at)
                values (
                    %(tenant_id)s, %(client_uuid)s,
                    authority.clock() + interval '1 day',
                    authority.clock() + interval '1 day'
                )
                returning id
            ),
            made as (select family.id from family, numbers)
        """,
        columns="tenant_id, client_uuid, authorization_id, type, token_hash, "
        "expires_at, created_at, authenticated_at, redeemed_at, redemption_hash",
        values="%(tenant_id)s, %(client_uuid)s, made.id, 'refresh', "
        f"sha256(uuid_send(gen_random_uuid())), {_ENDS} - interval '1 day', "
        f"{_ENDS} - interval '30 days', {_ENDS} - interval '30 days', "
        f"{_ENDS} - interval '29 days', sha256('')",
        prolong="expires_at = authority.clock() + interval '1 hour'",
        counted="type = 'refresh'",
    ),
    "authorizations": Prunable(
        table="authorizations",
        columns="tenant_id, client_uuid, tokens_expire_at, created_at",
        values=f"%(tenant_id)s, %(client_uuid)s, {_ENDS}, {_ENDS} - interval '90 days'",
        prolong="tokens_expire_at = authority.clock() + interval '1 hour'",
        counted="expires_at is null",
    ),
    "revocations": Prunable(
        table="revocations",
        columns="tenant_id, sequence, category, target, reason, effective_at, "
        "expires_at",
        values="%(tenant_id)s, made.n, 'token', 'jti', 'stolen', "
        f"{_ENDS} - interval '1 hour', {_ENDS}",
        prolong="expires_at = authority.clock() + interval '1 hour'",
        counted="expires_at is not null",
    ),
    "superseded_revocations": Prunable(
        table="revocations",
        made="""
            later as (
                insert into authority.revocations (
                    tenant_id, sequence, category, target, reason, effective_at,
                    created_at
                )
                select
                    %(tenant_id)s, 1e6 + max(n), 'client', max(n), 'leaked',
                    authority.clock() + %(remaining)s, authority.clock() + %(remaining)s
                from numbers
            ),
            made as (select 1e5 + n as n, (max(n) over ())::text as target from numbers)
        """,
        columns="tenant_id, sequence, category, target, reason, effective_at",
        values="%(tenant_id)s, made.n, 'client', made.target, 'leaked', "
        f"{_ENDS} - interval '1 hour'",
        prolong=None,  # entries of a feed never change
        counted="expires_at is null and sequence < 1e6",
    ),
    "consents": Prunable(
        table="consents",
        made="""
            made as (
                insert into authority.users (tenant_id, username, username_key)
                select %(tenant_id)s, names.name, names.name
                from numbers, lateral (
                    -- With a column of numbers, or all would have one name.
                    select (numbers is not null)::text || gen_random_uuid() as name
                ) as names
                returning id
            )
        """,
        columns="tenant_id, user_id, client_uuid, scopes, revoked_at, "
        "revocation_reason",
        values="%(tenant_id)s, made.id, %(client_uuid)s, '{openid}', "
        f"{_ENDS} - interval '399 days', 'left'",
        prolong="revoked_at = authority.clock()",
    ),
    "logout_notices": Prunable(
        table="logout_notices",
        made=f"""
            made as (
                insert into authority.sessions (
                    tenant_id, user_id, cookie_hash, authenticated_at, idle_timeout,
                    last_used_at, created_at, expires_at
                )
                select
                    %(tenant_id)s, %(user_id)s, sha256(uuid_send(gen_random_uuid())),
                    {_ENDS} - interval '2 days', interval '1 day',
                    {_ENDS} - interval '2 days', {_ENDS} - interval '2 days',
                    {_ENDS} + interval '20 days'
                from numbers
                returning id
            )
        """,  # noqa: S608 -- our own
        columns="tenant_id, session_id, client_uuid, created_at, expires_at",
        values="%(tenant_id)s, made.id, %(client_uuid)s, "
        f"{_ENDS} - interval '1 day', {_ENDS}",
        prolong="expires_at = authority.clock() + interval '1 hour'",
    ),
    "sessions": Prunable(
        table="sessions",
        columns="tenant_id, user_id, cookie_hash, authenticated_at, idle_timeout, "
        "last_used_at, created_at, expires_at",
        values="%(tenant_id)s, %(user_id)s, sha256(uuid_send(gen_random_uuid())), "
        f"{_ENDS} - interval '1 day', interval '1 day', {_ENDS} - interval '1 day', "
        f"{_ENDS} - interval '1 day', {_ENDS}",
        prolong="expires_at = authority.clock() + interval '1 hour'",
        counted="expires_at < authority.clock() + interval '10 days'",
    ),
    "user_roles": Prunable(
        table="user_roles",
        made="""
            made as (
                insert into authority.users (tenant_id, username, username_key)
                select %(tenant_id)s, names.name, names.name
                from numbers, lateral (
                    -- With a column of numbers, or all would have one name.
                    select (numbers is not null)::text || gen_random_uuid() as name
                ) as names
                returning id
            )
        """,
        columns="tenant_id, user_id, role_id, expires_at",
        values=f"%(tenant_id)s, made.id, %(role_id)s, {_ENDS}",
        prolong="expires_at = authority.clock() + interval '1 hour'",
    ),
    "login_throttles": Prunable(
        table="login_throttles",
        columns="tenant_id, username, factor, drains_at",
        values=f"%(tenant_id)s, gen_random_uuid()::text, 'password', {_ENDS}",
        prolong="drains_at = authority.clock() + interval '1 hour'",
    ),
    "license_usage": Prunable(
        table="license_usage",
        columns="tenant_id, license_id, metric, idempotency_key, quantity, "
        "period_start, period_end",
        values="%(tenant_id)s, %(license_id)s, 'calls', gen_random_uuid()::text, 1, "
        f"({_ENDS} - interval '430 days')::date, ({_ENDS} - interval '399 days')::date",
        prolong="period_end = (authority.clock() + interval '1 day')::date",
    ),
}


@dataclass(frozen=True, kw_only=True)
class World:
    """A tenant with referenced rows, and a superuser who inserts and counts rows."""

    dba: Dba
    tenant_id: UUID
    client_uuid: UUID
    license_id: UUID
    role_id: UUID
    user_id: UUID

    @classmethod
    def make(cls, store: Store, dba: Dba) -> "World":
        client = make_client(store, make_tenant(store).id)
        _, license_ = make_license(store, client.tenant_id)
        role = store.roles.create(tenant_id=client.tenant_id, name="acting")
        return cls(
            dba=dba,
            tenant_id=client.tenant_id,
            client_uuid=client.id,
            license_id=license_.id,
            role_id=role.id,
            user_id=make_user(store, client.tenant_id).id,
        )

    def insert(self, step: StepName, count: int, remaining: timedelta = OVER) -> None:
        """Insert rows that end after this time from now."""
        into = PRUNABLE[step]
        numbers = "select %(before)s + generate_series(1, %(count)s) as n"
        self._execute(
            f"with numbers as ({numbers}), {into.made} "  # noqa: S608 -- our own
            f"insert into authority.{into.table} ({into.columns}) "
            f"select {into.values} from made",
            tenant_id=self.tenant_id,
            client_uuid=self.client_uuid,
            license_id=self.license_id,
            role_id=self.role_id,
            user_id=self.user_id,
            remaining=remaining,
            count=count,
            before=self.count(step),
        )

    def prolong(self, step: StepName) -> None:
        """Prolong all rows of the table."""
        what = PRUNABLE[step]
        self._execute(f"update authority.{what.table} set {what.prolong}")  # noqa: S608 -- as above

    def count(self, step: StepName) -> int:
        """Count the rows of the step in its table."""
        what = PRUNABLE[step]
        rows = f"authority.{what.table} where {what.counted}"
        row = self._execute(f"select count(*) from {rows}").fetchone()  # noqa: S608 -- as above
        return int(row[0])

    def _execute(self, statement: str, **parameters: object) -> Any:
        return self.dba.execute(statement.encode(), parameters)
