"""Licences in all states, and short functions to use them."""

from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import uuid4

import psycopg

from authority_queries import Store
from authority_queries.records import (
    License,
    LicenseSeat,
    LicenseValidation,
    UsageReceipt,
    UsageTotal,
)
from tests.factories import HOUR, make_license, make_tenant

Dba: TypeAlias = "psycopg.Connection[Any]"
Fields: TypeAlias = dict[str, Any]
NOW = datetime.now(UTC)
NAIVE = datetime(2030, 1, 1)
GRACE: Fields = {"valid_until": NOW + HOUR, "grace": 2 * HOUR}
UNUSABLE: dict[str, Fields] = {
    "expired": {"valid_from": NOW - 2 * HOUR, "valid_until": NOW - HOUR},
    "not_yet_valid": {"valid_from": NOW + HOUR},
    "suspended": {},
    "revoked": {},
}


def new(store: Store, **fields: Any) -> License:
    return make_license(store, make_tenant(store).id, **fields)[1]


def key_of(license_: License) -> Fields:
    return {"tenant_id": license_.tenant_id, "license_id": license_.id}


def new_unusable(store: Store, state: str, **fields: Any) -> License:
    license_ = new(store, **UNUSABLE[state], **fields)
    if state == "suspended":
        store.licenses.suspend(**key_of(license_), reason="unpaid")
    if state == "revoked":
        store.licenses.revoke(**key_of(license_), reason="fraud")
    return license_


def validate(store: Store, license_: License) -> LicenseValidation | None:
    return store.licenses.validate(
        tenant_id=license_.tenant_id, key_hash=license_.key_hash
    )


def seats_taken(store: Store, license_: License) -> int:
    found = validate(store, license_)
    assert found is not None
    return found.seats_taken


def change(store: Store, license_: License, **fields: Any) -> License:
    """Update only these fields."""
    names = (
        "row_version",
        "plan",
        "seats",
        "features",
        "limits",
        "overage_policy",
        "valid_from",
        "valid_until",
        "grace",
        "grace_policy",
        "properties",
    )
    kept: Fields = {name: getattr(license_, name) for name in names}
    return store.licenses.update(**key_of(license_), **{**kept, **fields})


def check_out(
    store: Store, license_: License, holder: str, **fields: Any
) -> LicenseSeat:
    return store.license_seats.check_out(**key_of(license_), holder=holder, **fields)


def use(
    store: Store, license_: License, quantity: int = 1, **fields: Any
) -> UsageReceipt:
    report: Fields = {
        "metric": "calls",
        "quantity": quantity,
        "idempotency_key": str(uuid4()),
    }
    return store.license_usage.record(**key_of(license_), **{**report, **fields})


def totals(store: Store, license_: License, **filters: Any) -> list[UsageTotal]:
    return [*store.license_usage.list_totals(**key_of(license_), **filters).items]
