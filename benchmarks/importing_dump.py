"""A dump of MongoDB with users of ASP.NET Core Identity and tokens of OpenIddict."""

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import bson
from bson import ObjectId

_NOW: Final = datetime.now(UTC).replace(microsecond=0)
_DAY: Final = timedelta(days=1)
_HASH: Final = base64.b64encode(
    b"\x01" + (2).to_bytes(4) + (100_000).to_bytes(4) + (16).to_bytes(4) + bytes(48)
).decode()
_STAMP: Final = "1b5b7f6c-0000-4000-8000-000000000001"
_CLIENT: Final = ObjectId("65f000000000000000000001")


def write_dump(folder: Path, *, users: int, tokens: int) -> int:
    """Write the files of `mongodump`, and return their size in octets.

    Each user has one authorization, and the tokens are spread over these.
    """
    collections = {
        "openiddict.applications": iter([_application()]),
        "users": map(_user, range(users)),
        "openiddict.authorizations": map(_authorization, range(users)),
        "openiddict.tokens": (_token(number, users) for number in range(tokens)),
    }
    return sum(
        _write(folder / f"{name}.bson", documents)
        for name, documents in collections.items()
    )


def _write(path: Path, documents: Iterator[dict[str, Any]]) -> int:
    with path.open("wb") as file:
        for document in documents:
            file.write(bson.encode(document))
        return file.tell()


def _id(kind: int, number: int) -> ObjectId:
    return ObjectId(f"65f0{kind:04x}{number:016x}")


def _subject(number: int) -> str:
    return str(_id(2, number))


def _application() -> dict[str, Any]:
    return {
        "_id": _CLIENT,
        "application_type": "web",
        "client_id": "web",
        "client_type": "public",
        "concurrency_token": _STAMP,
        "consent_type": "implicit",
        "display_name": "Web",
        "permissions": ["ept:token", "gt:authorization_code", "gt:refresh_token"],
        "redirect_uris": ["https://web.example/callback"],
    }


def _user(number: int) -> dict[str, Any]:
    name = f"user-{number}"
    return {
        "_id": _id(2, number),
        "UserName": name,
        "NormalizedUserName": name.upper(),
        "Email": f"{name}@example.com",
        "NormalizedEmail": f"{name}@example.com".upper(),
        "EmailConfirmed": True,
        "PasswordHash": _HASH,
        "SecurityStamp": "JBSWY3DPEHPK3PXP",
        "ConcurrencyStamp": _STAMP,
        "LockoutEnabled": True,
        "AccessFailedCount": 0,
        "Claims": [],
        "Roles": [],
        "Logins": [],
        "Tokens": [],
    }


def _authorization(number: int) -> dict[str, Any]:
    return {
        "_id": _id(3, number),
        "application_id": _CLIENT,
        "concurrency_token": _STAMP,
        "creation_date": _NOW - _DAY,
        "scopes": ["openid", "profile", "offline_access"],
        "status": "valid",
        "subject": _subject(number),
        "type": "ad-hoc",
    }


def _token(number: int, users: int) -> dict[str, Any]:
    owner = number % users
    digest = hashlib.sha256(str(number).encode()).digest()
    return {
        "_id": _id(4, number),
        "application_id": _CLIENT,
        "authorization_id": _id(3, owner),
        "concurrency_token": _STAMP,
        "creation_date": _NOW - _DAY,
        "expiration_date": _NOW + 14 * _DAY,
        "reference_id": base64.b64encode(digest).decode(),
        "status": "valid",
        "subject": _subject(owner),
        "type": "refresh_token" if number % 2 else "access_token",
    }
