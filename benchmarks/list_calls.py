"""The lists of the store, with keys of long ones, and cursors to any place of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import md5
from ipaddress import ip_address
from pathlib import Path
from typing import Final, TypeAlias
from uuid import UUID

import psycopg

from authority_queries.repositories.cursors import (
    Order,
    Position,
    by_id,
    by_sequence,
    by_text,
    newest_first,
    read_text,
)

# Returns the position of the row with this number, of so many.
Place: TypeAlias = Callable[[int, int], Position]

_FILL: Final = Path(__file__).with_name("lists.sql")
_LAST_ID: Final = 2**128 - 1


def id_of(kind: str, number: int = 0) -> UUID:
    """Return the id of a row of lists.sql."""
    return UUID(md5(f"{kind} {number}".encode(), usedforsecurity=False).hexdigest())


TENANT: Final = id_of("tenant")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCall:
    """A call of a list, and the places of its rows."""

    method: str
    order: Order
    place: Place
    key: Mapping[str, object] = field(default_factory=dict)
    is_of_tenant: bool = True

    @property
    def title(self) -> str:
        """Return the method with its filters."""
        filters = [
            str(value) for value in self.key.values() if not isinstance(value, UUID)
        ]
        subject = [name for name in self.key if name == "service_account_id"]
        return " ".join([self.method, *filters, *subject])

    def arguments(self, row: int, rows: int) -> dict[str, object]:
        """Return the arguments for the page after a row, of so many rows."""
        tenant = {"tenant_id": TENANT} if self.is_of_tenant else {}
        cursor = self.order.cursor(self.place(row, rows)) if row else None
        return {**tenant, **self.key, "after": cursor}


def fill(connection: psycopg.Connection[object], rows: int) -> datetime:
    """Insert so many rows into each list, and return the time of the newest event."""
    connection.execute("select set_config('lists.rows', %s, false)", [str(rows)])
    connection.execute(_FILL.read_bytes())
    found = connection.execute("select max(created_at) from authority.login_attempts")
    newest: datetime = found.fetchall()[0][0]  # type: ignore[index]
    return newest + timedelta(milliseconds=1)


def list_calls(newest: datetime) -> list[ListCall]:
    """Return a call of each list, and of each filter that has a query of its own."""
    user, client, role = id_of("user", 1), id_of("client", 1), id_of("role", 1)
    of_user, of_client = {"user_id": user}, {"client_uuid": client}

    def at_time(row: int, _: int) -> Position:
        return newest - timedelta(milliseconds=row), UUID(int=0)

    def ids(method: str, key: Mapping[str, object], name: str = "id") -> ListCall:
        return ListCall(method=method, order=by_id(method, name), place=_id, key=key)

    def texts(method: str, prefix: str, key: Mapping[str, object] = {}) -> ListCall:
        return ListCall(
            method=method, order=by_text(method, "text"), place=_text(prefix), key=key
        )

    def times(method: str, key: Mapping[str, object] = {}) -> ListCall:
        return ListCall(
            method=method, order=newest_first(method), place=at_time, key=key
        )

    def entries(key: Mapping[str, object]) -> ListCall:
        method = "revocations.list_active"
        return ListCall(
            method=method, order=by_sequence(method), place=lambda n, _: (n,), key=key
        )

    totals = "license_usage.list_totals"
    license_key = {"license_id": id_of("license")}
    tenants = texts("tenants.list", "tenant-")
    return [
        ListCall(
            method=tenants.method,
            order=tenants.order,
            place=tenants.place,
            is_of_tenant=False,
        ),
        texts("users.list", "user-"),
        texts("users.list", "user-", {"status": "active"}),
        texts("users.list", "user-", {"status": "pending"}),
        texts("users.list", "user-", {"prefix": "USER-0"}),
        ids("users.list_by_role", {"role_id": role}),
        texts("clients.list", "client-"),
        texts("scopes.list", "scope-"),
        texts("service_accounts.list", "robot-"),
        texts("roles.list", "role-"),
        texts("roles.list_permissions", "list:p", {"role_id": role}),
        texts("roles.list_user_permissions", "list:p", {"user_id": id_of("user", 2)}),
        ids("consents.list_by_user", of_user),
        ids("sessions.list_by_user", of_user),
        ids("sessions.list_clients", {"session_id": id_of("session", 1)}),
        ids("authorizations.list_by_user", of_user),
        ids("authorizations.list_by_client", of_client),
        ids("tokens.list_active_by_client", of_client),
        ids("tokens.list_active_by_subject", of_user),
        ids(
            "tokens.list_active_by_subject",
            {"service_account_id": id_of("account", 1)},
        ),
        ids("logout_notices.list", {}),
        ids("logout_notices.list", {"status": "given_up"}),
        ids("logout_notices.list", {"status": "delivered"}),
        texts("one_time_tokens.list_by_purpose", "user-", {"purpose": "invitation"}),
        ListCall(
            method="user_identities.list_by_user",
            order=Order(
                name="user_identities.list_by_user",
                fields={"issuer": read_text, "subject": read_text},
                start=("", ""),
            ),
            place=lambda n, _: ("https://idp.example", f"{n:08}"),
            key=of_user,
        ),
        ListCall(
            method=totals,
            order=Order(
                name=totals,
                fields={"period_start": date.fromisoformat, "metric": read_text},
                start=(),
            ),
            place=lambda n, rows: (date(8990, 1, 1), f"metric-{rows - n + 1:08}"),
            key=license_key,
        ),
        ListCall(
            method=totals,
            order=Order(
                name=f"{totals} metric",
                fields={"period_start": date.fromisoformat},
                start=(),
            ),
            place=lambda n, rows: (date(1900, 1, 1) + timedelta(rows - n + 1),),
            key={**license_key, "metric": "calls"},
        ),
        times("login_attempts.list_recent_by_username", {"username": "ann"}),
        times(
            "login_attempts.list_recent_by_address",
            {"address": ip_address("192.0.2.1")},
        ),
        entries({}),
        entries({"category": "subject"}),
        entries({"target": "ann"}),
        texts("signing_keys.list_states", ""),
        times("audit_events.list"),
        times(
            "audit_events.list_by_target", {"target_kind": "users", "target_id": "ann"}
        ),
        times("audit_events.list_by_actor", {"actor_kind": "user", "actor_id": "ann"}),
    ]


def _id(row: int, rows: int) -> Position:
    return (UUID(int=_LAST_ID * row // rows),)


def _text(prefix: str) -> Place:
    return lambda row, _: (f"{prefix}{row:08}",)
