"""The demo's tenants as documents: OpenIddict's, and those of ASP.NET Core Identity.

A user's key is a Guid in the binary subtype 3 of the driver for .NET. The text of the
Guid is the subject of OpenIddict's documents.
"""

import base64
import hashlib
import secrets
import struct
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, TypeAlias
from uuid import UUID, uuid5

from bson import ObjectId
from bson.binary import Binary, UuidRepresentation

from authority_queries.resources import EXAMPLES

Raw: TypeAlias = dict[str, Any]

SECRETS: Final = {"acme-web": "the secret of acme-web", "acme-batch": "of acme-batch"}
URN: Final = "urn:ietf:params:oauth:token-type:"
_SPACE: Final = UUID("b2a6d1f0-3f0b-4ad1-9b7e-0d0f6a1c2e33")
_DAY: Final = timedelta(days=1)
_SHA512: Final = 2  # ASP.NET Core Identity's KeyDerivationPrf
_ROUNDS: Final = 1000
_HEADER: Final = struct.Struct(">BIII")


@dataclass(frozen=True)
class MongoDemo:
    """The documents of a tenant by collection, and the secrets that they verify.

    - `passwords`: by username.
    - `references`: strings of reference tokens, by a name of their state.
    """

    documents: dict[str, list[Raw]]
    passwords: dict[str, str]
    references: dict[str, str] = field(default_factory=dict)


def mongo_demo(code: str) -> MongoDemo:
    """Return the documents of a tenant of examples/, with tokens of several states."""
    with (EXAMPLES / f"{code}.toml").open("rb") as file:
        sample = tomllib.load(file)
    users = sample["users"]
    demo = MongoDemo(
        documents={
            "openiddict.applications": [_application(c) for c in sample["clients"]],
            "openiddict.scopes": [_scope(one) for one in sample.get("scopes", ())],
            "roles": list(_roles(users, sample.get("roles", ()))),
            "users": [_user(code, one) for one in users],
        },
        passwords={one["username"]: one["password"] for one in users},
    )
    client = sample["clients"][0]["client_id"]
    _add_grants(demo, client, [subject(code, one["username"]) for one in users])
    return demo


def subject(code: str, username: str) -> str:
    """Return the key of a user, as a text."""
    return str(uuid5(_SPACE, f"{code}/{username}"))


def object_id(name: str) -> ObjectId:
    """Return the same id for the same name."""
    return ObjectId(hashlib.sha256(name.encode()).digest()[:12])


def reference_id(token: str) -> str:
    """Return what OpenIddict stores for the string of a reference token."""
    return base64.b64encode(hashlib.sha256(token.encode()).digest()).decode()


@cache  # each hash takes time
def identity_hash(password: str) -> str:
    """Return a hash of ASP.NET Core Identity's version 3, as OpenIddict uses too."""
    salt = hashlib.sha256(password.encode()).digest()[:16]
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS, 32)
    head = _HEADER.pack(1, _SHA512, _ROUNDS, len(salt))
    return base64.b64encode(head + salt + key).decode()


def csharp_uuid(value: str) -> Binary:
    """Return a Guid as old drivers for .NET write it: binary subtype 3."""
    return Binary.from_uuid(UUID(value), UuidRepresentation.CSHARP_LEGACY)


def _application(client: Mapping[str, Any]) -> Raw:
    client_id = client["client_id"]
    grants = [f"gt:{grant}" for grant in client.get("grant_types", ())]
    document: Raw = {
        "_id": object_id(client_id),
        "application_type": client.get("application_type", "web"),
        "client_id": client_id,
        "client_type": client["client_type"],
        "concurrency_token": "1b5b7f6c-0000-4000-8000-000000000001",
        "consent_type": client.get("consent_type", "explicit"),
        "display_name": client["display_name"],
        "display_names": client.get("display_names", {}),
        "permissions": [*client.get("permissions", ()), *grants, "rst:code"],
        "post_logout_redirect_uris": client.get("post_logout_redirect_uris", []),
        "redirect_uris": client.get("redirect_uris", []),
        "requirements": client.get("requirements", []),
        "settings": {"tkn_lft:act": "01:00:00"},
        "properties": {"owner": "sales", "since": _now() - _DAY},
    }
    if client_id in SECRETS:
        document["client_secret"] = identity_hash(SECRETS[client_id])
    return document


def _scope(scope: Mapping[str, Any]) -> Raw:
    return {
        "_id": object_id(scope["name"]),
        "concurrency_token": "1b5b7f6c-0000-4000-8000-000000000002",
        "name": scope["name"],
        "description": scope.get("description", ""),
        "descriptions": {"de": "Rechnungen des Kontos sehen."},
        "display_name": scope.get("display_name", ""),
        "display_names": {"de": "Rechnungen lesen"},
        "resources": scope.get("resources", []),
        "properties": {"risk": "low"},
    }


def _roles(
    users: Iterable[Mapping[str, Any]], roles: Iterable[Mapping[str, Any]]
) -> Iterator[Raw]:
    names = {name for user in users for name in user["roles"]}
    for name in sorted(names | {role["name"] for role in roles}):
        yield {
            "_id": csharp_uuid(_role_key(name)),
            "Name": name,
            "NormalizedName": name.upper(),
            "ConcurrencyStamp": "1b5b7f6c-0000-4000-8000-000000000003",
            "Version": 1,
            "Claims": [],
        }


def _user(code: str, user: Mapping[str, Any]) -> Raw:
    name, email = user["username"], user["email"]
    return {
        "_id": csharp_uuid(subject(code, name)),
        "UserName": name,
        "NormalizedUserName": name.upper(),
        "Email": email,
        "NormalizedEmail": email.upper(),
        "EmailConfirmed": True,
        "PasswordHash": identity_hash(user["password"]),
        "SecurityStamp": "JBSWY3DPEHPK3PXP",
        "ConcurrencyStamp": "1b5b7f6c-0000-4000-8000-000000000004",
        "PhoneNumber": None,
        "PhoneNumberConfirmed": False,
        "TwoFactorEnabled": False,
        "LockoutEnd": None,
        "LockoutEnabled": True,
        "AccessFailedCount": 0,
        "Version": 1,
        "CreatedOn": _now() - 30 * _DAY,
        "Claims": [{"Type": "name", "Value": user["display_name"], "Issuer": None}],
        "Roles": [csharp_uuid(_role_key(role)) for role in user["roles"]],
        "Logins": [
            {
                "LoginProvider": "https://accounts.example",
                "ProviderKey": f"{code}-{name}",
                "ProviderDisplayName": "Accounts",
            }
        ],
        "Tokens": [],
    }


def _role_key(name: str) -> str:
    return str(uuid5(_SPACE, f"role/{name}"))


def _add_grants(demo: MongoDemo, client: str, subjects: list[str]) -> None:
    """Add two families for each user: one alive, and one that was revoked."""
    authorizations: list[Raw] = []
    tokens: list[Raw] = []
    for owner in subjects:
        alive = _authorization(client, owner, "permanent", "valid")
        ended = _authorization(client, owner, "ad-hoc", "revoked")
        authorizations += alive, ended
        states = (
            ("access", alive, "access_token", "valid", _DAY),
            ("refresh", alive, "refresh_token", "valid", 14 * _DAY),
            ("redeemed", alive, "refresh_token", "redeemed", 14 * _DAY),
            ("revoked", ended, "refresh_token", "revoked", 14 * _DAY),
            ("expired", alive, "access_token", "valid", timedelta(seconds=-5)),
            ("code", alive, "authorization_code", "redeemed", timedelta(minutes=5)),
        )
        for state, family, kind, status, lifetime in states:
            string = secrets.token_urlsafe(32)
            demo.references[f"{state} of {owner}"] = string
            token = _token(
                family, kind, status=status, lifetime=lifetime, string=string
            )
            tokens.append(token)
        bare = _token(
            alive,
            "access_token",
            status="valid",
            lifetime=_DAY,
            string="self-contained",
        )
        del bare["reference_id"]
        tokens.append(bare)
    demo.documents["openiddict.authorizations"] = authorizations
    demo.documents["openiddict.tokens"] = tokens


def _authorization(client: str, owner: str, kind: str, status: str) -> Raw:
    return {
        "_id": object_id(f"{client} {owner} {kind}"),
        "application_id": object_id(client),
        "concurrency_token": "1b5b7f6c-0000-4000-8000-000000000005",
        "creation_date": _now() - 2 * _DAY,
        "scopes": ["openid", "offline_access"],
        "status": status,
        "subject": owner,
        "type": kind,
        "properties": {"device": "laptop"},
    }


def _token(
    family: Raw, kind: str, *, status: str, lifetime: timedelta, string: str
) -> Raw:
    made = _now() - timedelta(minutes=1)
    document: Raw = {
        "_id": object_id(f"{family['_id']} {kind} {status} {lifetime} {string}"),
        "application_id": family["application_id"],
        "authorization_id": family["_id"],
        "concurrency_token": "1b5b7f6c-0000-4000-8000-000000000006",
        "creation_date": made,
        "expiration_date": made + lifetime if lifetime > timedelta() else _now(),
        "payload": "eyJhbGciOiJSU0EtT0FFUCJ9.AAAA.BBBB.CCCC.DDDD",
        "properties": {"request": "17"},
        "reference_id": reference_id(string),
        "status": status,
        "subject": family["subject"],
        "type": URN + kind,
    }
    if status == "redeemed":
        document["redemption_date"] = made + timedelta(seconds=30)
    return document


def _now() -> datetime:
    # MongoDB keeps milliseconds.
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
