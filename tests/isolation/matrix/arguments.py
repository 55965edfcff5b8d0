"""Each query's arguments, found automatically in rows that must stay unseen."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from importlib import import_module
from inspect import Parameter, signature
from typing import Any, Final
from uuid import UUID

from authority_queries.codegen.query import Query
from authority_queries.engine.calls import Call
from tests.factories import PHC
from tests.isolation.matrix.world import FOREIGN, tenant_id

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class IdOf:
    """The id of a tenant's row: its table, and its position.

    Or the value of another column.
    """

    table: str
    position: int
    column: str = "id"


@dataclass(frozen=True)
class JsonRow:
    """A JSON array of one object, in which an `IdOf` becomes the id."""

    members: Mapping[str, object]


HOUR: Final = timedelta(hours=1)
# Which of a tenant's tokens was used.
NEW_HASH: Final = sha256(b"new").digest()
CODE: Final = {
    "token_hash": sha256(b"code").digest(),
    "type": "authorization_code",
    "redirect_uri": "https://portal.example.com/",
}
REFRESH: Final = {
    "token_hash": sha256(b"refresh").digest(),
    "type": "refresh",
    "redirect_uri": None,
}
COOKIE: Final = {"cookie_hash": sha256(b"cookie of session").digest()}
USER_CODE: Final = {"user_code_hash": sha256(b"code of device").digest()}
USED: Final = {**REFRESH, "token_hash": sha256(b"used").digest()}
# Of the middle of a long window, so that a step that passes changes no outcome.
CODE_NOW: Final = {"step": int(datetime.now(UTC).timestamp()) // 30, "drift": 1000}
CHALLENGE: Final = {
    "challenge_hash": sha256(b"challenge").digest(),
    "challenge_expires_at": datetime.now(UTC) + timedelta(hours=1),
}
RETRY: Final = {**USED, "redemption_id": UUID(int=2)}
LATE: Final = {**USED, "leeway": timedelta(days=1)}
# A role of the other tenant, in a dump.
LOADED: Final = {
    "table_name": "roles",
    "columns": [
        *("created_at", "description", "id", "is_system", "name", "row_version"),
        *("tenant_id", "updated_at"),
    ],
    "lines": json.dumps(
        [
            *("2026-01-01 00:00:00+00", "", str(UUID(int=3)), "false", "loaded", "1"),
            *(str(tenant_id(FOREIGN)), "2026-01-01 00:00:00+00"),
        ]
    ),
}

NEW_TOKEN: Final = {
    "position": 0,
    "token_hash": "\\x" + NEW_HASH.hex(),
    "scopes": [],
    "resources": [],
    "authorization_details": [],
    "properties": {},
}
NEW_USER: Final = {
    "subject_id": "auth0|new",
    "username": "new",
    "username_key": "new",
    "email_verified": False,
    "display_name": "",
    "status": "active",
    "attributes": {},
}
IMPORTED: Final = {
    "subject_id": IdOf("users", 0, "subject_id"),
    "id": str(UUID(int=5)),
    "display_name": "imported",
}
REQUEST: Final = {**NEW_TOKEN, "client_id": "portal", "lifetime": "1 hour"}

# Parameters that are no column, or do not look one up: equal for every query.
BY_NAME: Final[Mapping[str, object]] = {
    "access_lifetime": HOUR,
    "access_token_hash": sha256(b"new access").digest(),
    "acr": "urn:silver",
    "acr_values": ["urn:silver"],
    "action": "report.viewed",
    "actor_id": IdOf("audit_events", 0, "actor_id"),
    "actor_json": None,
    "actor_kind": "user",
    "after": "",
    "after_created_at": datetime(8999, 1, 1, tzinfo=UTC),
    "after_id": UUID(int=2**128 - 1),
    "after_number": 0,
    "after_seal": b"",
    "after_issuer": "",
    "after_metric": "",
    "after_period_start": date(8999, 1, 1),
    "after_subject": "",
    "account_limit": 10,
    "allowed_from": ["active", "trial"],
    "amr": ["pwd"],
    "authenticated_at": None,
    "batch_size": 1000,
    "before": "~",
    "before_id": UUID(int=0),
    "before_created_at": datetime(1990, 1, 1, tzinfo=UTC),
    "below": "\U0010ffff",
    "category": "client",
    "client_id": "portal",
    "details": {},
    "entries": 1,
    "error": "503",
    "factor": "password",
    "family_lifetime": HOUR,
    "feed_for": HOUR,
    "first_pause": HOUR,
    "first": "",
    "from_period": date(1900, 1, 1),
    "hint": True,
    "idempotency_key": "second",
    "is_of_user": False,
    "key_columns": ["subject_id"],
    "lease": HOUR,
    "kept_consents": timedelta(0),
    "kept_expired": timedelta(0),
    "kept_usage": timedelta(0),
    "leeway": timedelta(0),
    "lifetime": HOUR,
    "longest_pause": HOUR,
    "lsn": "1:0/1",
    "max_age": HOUR,
    "old_private_key": b"\1" + sha256(b"signing").digest(),
    "month": datetime.now(UTC).date().replace(day=1),
    "months_ahead": 1,
    "most": 1000,
    "most_attempts": 10,
    "new_token_hash": sha256(b"new registration").digest(),
    "names": ["api.read"],
    "network_limit": 10,
    "new_cookie_hash": NEW_HASH,
    "notice_status": "waiting",
    "notice_id": IdOf("logout_notices", 0),
    "older_than": timedelta(0),
    "other_names": [],
    "page_size": 1000,
    "pair_limit": 10,
    "prefix": None,
    "publish_ahead": HOUR,
    "quantity": 1,
    "reason": "test",
    "recent": HOUR,
    "redemption_id": UUID(int=1),
    "refresh_lifetime": HOUR,
    "refresh_token_hash": sha256(b"new refresh").digest(),
    "requested_at": None,
    "resource": None,
    "retention": timedelta(days=30),
    "row_keys": [[IdOf("users", 0, "subject_id")]],
    "searches": True,
    "secret_id": IdOf("client_secrets", 0),
    "table_name": "users",
    "target_id": IdOf("audit_events", 0, "target_id"),
    "target_kind": "users",
    "tenant_ids": [tenant_id(FOREIGN)],
    "tenant_limit": 10,
    "time_window": HOUR,
    "tokens_live_for": HOUR,
    "trusted_for": HOUR,
    "username_key": "ann",
    "within": timedelta(days=100),
}

# Further arguments of a query: a key that is free, a token in another state.
BY_QUERY: Final[Mapping[str, Mapping[str, object]]] = {
    "client_registrations.save": {"source": "dynamic"},
    "clients.create": {"client_id": "new"},
    "device_authorizations.approve": USER_CODE,
    "device_authorizations.create": {
        "device_code_hash": NEW_HASH,
        "user_code_hash": NEW_HASH,
        "lifetime": timedelta(minutes=5),
    },
    "device_authorizations.deny": USER_CODE,
    "device_authorizations.get_by_user_code": USER_CODE,
    "license_usage.get_receipt": {"idempotency_key": "first"},
    "pushed_requests.create": {
        "request_uri_hash": NEW_HASH,
        "lifetime": timedelta(minutes=1),
    },
    "entries.import_tenant": {
        "new_id": UUID(int=5),
        "code": "new",
        "created_at": None,
        "updated_at": None,
        "foreign_tokens_until": None,
        "is_complete": False,
    },
    "entries.find_named": {
        "users": [IdOf("users", 0, "subject_id")],
        "clients": ["portal"],
        "roles": ["admin"],
        "service_accounts": [IdOf("service_accounts", 0, "account_id")],
    },
    "entries.import_rows": {
        "table_name": "roles",
        "columns": ["id", "name"],
        "key_columns": ["name"],
        "rows_json": JsonRow({"id": str(UUID(int=5)), "name": "imported"}),
    },
    "entries.import_license_usage": {
        "rows_json": JsonRow(
            {
                "license_id": IdOf("licenses", 0),
                "metric": "calls",
                "idempotency_key": "imported",
                "period_start": "2024-01-01",
                "period_end": "2024-02-01",
                "quantity": 1,
            }
        )
    },
    "entries.find_others": {"fixed": ["id"], "rows_json": JsonRow(IMPORTED)},
    "entries.update_rows": {
        "columns": ["subject_id", "id", "display_name"],
        "fixed": ["id"],
        "rows_json": JsonRow({**IMPORTED, "id": IdOf("users", 0)}),
    },
    "entries.settle": {
        "table_name": "tokens",
        "rows_json": JsonRow(
            {
                "authorization_id": IdOf("authorizations", 0),
                "expires_at": "2040-01-01T00:00:00Z",
            }
        ),
    },
    "exchanges.exchange": {
        "token_hash": NEW_HASH,
        "subject_token_hash": sha256(b"access").digest(),
        "actor_token_hash": sha256(b"access").digest(),
    },
    "grants.issue_code": {
        "session_id": None,
        "token_hash": NEW_HASH,
        "redirect_uri": "https://portal.example.com/",
        "lifetime": timedelta(minutes=5),
    },
    "grants.issue_many": {"rows": JsonRow(REQUEST)},
    "grants.issue_to_client": {"token_hash": NEW_HASH},
    "imports.import_tokens": {
        "rows": JsonRow(
            {
                **NEW_TOKEN,
                "type": "access",
                "client_uuid": IdOf("clients", 0),
                "authorization_id": IdOf("authorizations", 0),
                "expires_at": str(datetime.now(UTC) + 1000 * HOUR),
            }
        )
    },
    "imports.import_users": {"rows": JsonRow(NEW_USER)},
    "login_attempts.record_many": {
        "rows": JsonRow({"username_key": "ann", "outcome": "failed"})
    },
    "one_time_tokens.cancel": {"token_id": IdOf("one_time_tokens", 0)},
    "one_time_tokens.create": {
        "purpose": "sign_in",
        "token_hash": NEW_HASH,
        "code_hash": None,
        "resend_after": timedelta(0),
        "lifetime": timedelta(minutes=5),
    },
    "one_time_tokens.redeem": {
        "purpose": "password_reset",
        "token_hash": sha256(b"password_reset").digest(),
        "password_hash": PHC,
    },
    "redemptions.redeem": CODE,
    "license_usage.correct": {"corrects": "first"},
    "licenses.create": {"key_hash": NEW_HASH},
    "licenses.set_status": {"status": "suspended"},
    "revocations.find_active": {"after": 0},
    "revocations.find_active_by_target": {"after": 0},
    "revocations.list_by_sequences": {"sequences": [1, 2, 3]},
    "revocations.list_since": {"sequence": 0},
    "roles.create": {"name": "new", "permissions": ["users:read"]},
    "roles.delete": {"role_id": IdOf("roles", 2)},
    "roles.update": {"permissions": ["roles:read"]},
    "recovery_codes.use": {"code_hash": sha256(b"recovery code 1").digest()},
    "scopes.create": {"name": "new"},
    "service_accounts.create": {"account_id": "new"},
    "sessions.end_all": {"kept_session_id": None},
    "sessions.start": {"cookie_hash": NEW_HASH},
    "sessions.step_up": COOKIE,
    "sessions.verify": COOKIE,
    "signing_keys.list_encrypted_otherwise": {"encryption_key_id": "new"},
    "signing_keys.publish": {
        "kid": "new",
        "public_jwk": {"kty": "EC", "kid": "new", "alg": "ES256", "use": "sig"},
    },
    "tenants.create": {"code": "new"},
    "tenants.set_status": {"status": "suspended"},
    "tenants.update": {"code": "new"},
    "tokens.create": {"token_hash": NEW_HASH},
    "tokens.verify_many": {"token_hashes": [sha256(b"access").digest()]},
    "tokens.verify_many_by_token": {
        "tenant_ids": [IdOf("tokens", 0, "tenant_id")],
        "token_hashes": [sha256(b"access").digest()],
        "type": "access",
    },
    "totp_credentials.confirm": {
        **CODE_NOW,
        "totp_credential_id": IdOf("totp_credentials", -1),
    },
    "totp_credentials.reencrypt": {
        "replaced_ciphertext": b"\1" + sha256(b"totp").digest(),
        "secret_ciphertext": b"\1" * 40,
    },
    "totp_credentials.list_encrypted_otherwise": {
        "encryption_key_id": "new",
        "after": UUID(int=0),
    },
    "totp_credentials.use": CODE_NOW,
    "tokens.revoke": {"token_hash": sha256(b"refresh").digest()},
    "used_jtis.use": {
        "jti_hash": NEW_HASH,
        "expires_at": datetime.now(UTC) + HOUR,
    },
    "user_identities.unlink": {"is_last_allowed": False},
    "webauthn_credentials.enroll": {**CHALLENGE, "credential_id": NEW_HASH},
    "webauthn_credentials.use": {**CHALLENGE, "sign_count": 9, "initializes_uv": True},
    "users.create": {
        "subject_id": "auth0|new",
        "username": "new",
        "username_key": "new",
    },
    "tenant_moves.load_rows": LOADED,
    "authorizations.list_by_ids": {"ids": [IdOf("authorizations", 0)]},
    "sessions.list_live_by_ids": {"ids": [IdOf("sessions", 0)]},
    "tokens.find_live_by_service_account": {
        "after": UUID(int=0),
        "service_account_id": IdOf("service_accounts", 0),
    },
    "tokens.list_by_ids": {"ids": [IdOf("tokens", 0)]},
    "users.list_by_ids": {"ids": [IdOf("users", 0)]},
    "exports.list_rows": {"after": None},
    "comparisons.list_row_keys": {"after": None},
    "tenant_moves.dump_rows": {"after": None},
    "license_usage.list_totals_of_metric": {"after": date(8999, 1, 1)},
    **{
        name: {"after": UUID(int=0)}
        for name in (
            "authorizations.find_by_client",
            "authorizations.find_by_user",
            "consents.list_by_user",
            "logout_notices.list_after",
            "logout_notices.list_by_status_after",
            "sessions.find_by_user",
            "sessions.list_clients",
            "tokens.find_live_by_client",
            "tokens.find_live_by_user",
            "users.find_by_role",
        )
    },
}
# Alternative arguments, which take another way through the query.
ALSO: Final[Mapping[str, Sequence[Mapping[str, object]]]] = {
    "clients.create": [{"client_id": f"sub-of-{FOREIGN}"}],
    "device_authorizations.poll": [
        {"device_code_hash": sha256(b"device").digest()},
    ],
    "exchanges.exchange": [{"subject_token_hash": sha256(b"access of robot").digest()}],
    "grants.issue_code": [
        {"session_id": IdOf("sessions", 0), "max_age": None, "acr_values": None}
    ],
    "one_time_tokens.create": [{"user_id": None}, {"purpose": "password_reset"}],
    "one_time_tokens.redeem": [
        {"token_hash": None, "code_hash": sha256(b"code").digest()},
        {"token_hash": None, "code_hash": NEW_HASH},
        {
            "purpose": "invitation",
            "token_hash": None,
            "user_id": None,
            "code_hash": sha256(b"code").digest(),
        },
    ],
    "grants.issue_many": [
        {
            "rows": JsonRow(
                {**REQUEST, "service_account_id": IdOf("service_accounts", 0)}
            )
        }
    ],
    "imports.import_users": [
        {"rows": JsonRow({**NEW_USER, "subject_id": "robot-of-2"})},
        {"rows": JsonRow({**NEW_USER, "subject_id": f"sub-of-{FOREIGN}"})},
    ],
    "grants.issue_to_client": [{"service_account_id": IdOf("service_accounts", 0)}],
    "redemptions.redeem": [REFRESH, USED, RETRY, LATE],
    "license_seats.check_out": [
        {"holder": "tablet"},
        {"holder": "phone"},
        {"license_id": IdOf("licenses", 1)},
        {"license_id": IdOf("licenses", 1), "holder": "tablet"},
        {"license_id": IdOf("licenses", 1), "holder": "phone"},
    ],
    "license_usage.record": [{"license_id": IdOf("licenses", 1)}],
    "sessions.end_all": [{"kept_session_id": IdOf("sessions", 0)}],
    "license_seats.renew": [{"license_id": IdOf("licenses", 1)}],
    "licenses.update": [
        {"seats": 1},
        {"seats": 5},
        {"valid_until": datetime.now(UTC) + HOUR},
    ],
    "revocations.find_active": [{"category": None}],
    "revocations.find_active_by_target": [{"category": None}],
    "service_accounts.create": [{"account_id": f"sub-of-{FOREIGN}"}],
    "signing_keys.publish": [
        {
            "alg": "ES384",
            "public_jwk": {"kty": "EC", "kid": "new", "alg": "ES384", "use": "sig"},
        }
    ],
    "tenants.update": [{"code": FOREIGN}],
    "used_jtis.use": [{"jti_hash": sha256(b"old jti").digest()}],
    "webauthn_credentials.enroll": [{"credential_id": sha256(b"passkey 1").digest()}],
    "webauthn_credentials.use": [{"sign_count": 0}],
    "totp_credentials.use": [{"step": 7, "drift": 10**9}],
    "tokens.create": [{"authorization_id": IdOf("authorizations", 1)}],
    "users.create": [{"subject_id": "robot-of-2"}],
}
# The table whose columns a file's queries use, with those that belong to it, where it
# is not the table that the file is named after.
_TABLES: Final = {
    "client_registrations": "clients",
    "client_secrets": "clients",
    "entries": "tenants",
    "exchanges": "tokens",
    "grants": "tokens",
    "license_seats": "licenses",
    "license_usage": "licenses",
    "redemptions": "tokens",
    "user_credentials": "users",
    "user_roles": "users",
}


class UnknownArgumentError(Exception):
    """No arguments of a query are known."""


def full_name(query: Query) -> str:
    return f"{query.path.stem}.{query.name}"


def function_of(query: Query) -> Call[object]:
    """Return the generated function, which converts arguments as in a service."""
    module = import_module(f"authority_queries.queries.{query.path.stem}")
    function: Call[object] = getattr(module, query.name)
    return function


def parameters_of(query: Query) -> Mapping[str, Parameter]:
    """Return the parameters of the generated function."""
    return signature(function_of(query)).parameters


def argument_sets(query: Query, rows: Rows) -> list[dict[str, Any]]:
    """Return arguments that find these rows: values of each table's first row.

    Raises UnknownArgumentError, by the query's name.
    """
    known = _known(query, rows)
    for name in query.parameters:
        if name not in known:
            message = f"{full_name(query)}: no argument is known for {name}"
            raise UnknownArgumentError(message)
    values = {name: _resolved(known[name], rows) for name in query.parameters}
    return [
        values,
        *(
            {**values, **{name: _resolved(value, rows) for name, value in also.items()}}
            for also in ALSO.get(full_name(query), [])
        ),
    ]


def mixed_sets(query: Query, rows: Rows, foreign: Rows) -> Iterator[dict[str, Any]]:
    """Yield a tenant's own values with one id of the other's, for each id in turn."""
    own_values, foreign_values = (
        argument_sets(query, each)[0] for each in (rows, foreign)
    )
    for name, value in foreign_values.items():
        if isinstance(value, UUID) and value != own_values[name]:
            yield {**own_values, name: value}


def _known(query: Query, rows: Rows) -> Mapping[str, object]:
    """Return values by name, the most special last.

    They are the ids of every table, the columns of the query's own table (that of its
    file) and of the tables that belong to it, and the values above.
    """
    own = _TABLES.get(query.path.stem, query.path.stem)
    related = [table for table in rows if table.startswith(_singular(own))]
    by_table = {table: rows[table][0] for table in [*related, own] if table in rows}
    return {
        **{_key(table): IdOf(table, 0) for table in rows},
        **{name: row[name] for row in by_table.values() for name in row},
        **by_table.get(own, {}),
        **BY_NAME,
        **BY_QUERY.get(full_name(query), {}),
    }


def _key(table: str) -> str:
    return "client_uuid" if table == "clients" else f"{_singular(table)}_id"


def _singular(table: str) -> str:
    return table.removesuffix("s")


def _resolved(value: object, rows: Rows) -> object:
    if isinstance(value, JsonRow):
        row = {key: _resolved(each, rows) for key, each in value.members.items()}
        return json.dumps([row], default=str)
    if isinstance(value, list):
        return [_resolved(each, rows) for each in value]
    if not isinstance(value, IdOf):
        return value
    return rows[value.table][value.position][value.column]
