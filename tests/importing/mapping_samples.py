"""Documents in the form of the examples of mapping files, of an invented house."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from bcrypt import gensalt, hashpw
from bson import Int64, ObjectId

MADE: Final = datetime(2025, 3, 4, 5, 6, 7, 891000, tzinfo=UTC)
CHANGED: Final = datetime(2025, 9, 4, 5, 6, 7, 891000, tzinfo=UTC)
LATER: Final = datetime(2031, 1, 1, tzinfo=UTC)
DATES: Final = {"createdAt": MADE, "updatedAt": CHANGED}
# The tokens of the old store that are presented after the switch.
ACCESS: Final = "old-access-token-of-alice-0123456789"
REFRESH: Final = "old-refresh-token-of-alice-0123456789"
SECRET: Final = "a-secret-that-somebody-chose"
PASSWORD: Final = "correct horse"
PASSWORD_HASH: Final = hashpw(PASSWORD.encode(), gensalt(4)).decode()


def key(number: int) -> ObjectId:
    return ObjectId(f"67c68a3f{number:016x}")


def digest(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()


def _token(number: int, **fields: object) -> Mapping[str, Any]:
    return {
        "_id": key(number),
        "tenant": "Acme",
        "tokenId": f"tok-{number}",
        "clientId": "console",
        "createdAt": MADE,
        "expiresAt": LATER,
        **fields,
    }


AUTHORITY: Final[Mapping[str, Sequence[Mapping[str, Any]]]] = {
    "authority_tenants": [
        {
            "_id": key(1),
            "slug": "Acme",
            "displayName": "Acme GmbH",
            "status": "active",
            "settings": {"theme": "dark"},
            **DATES,
        },
    ],
    "authority_users": [
        {
            "_id": key(2),
            "tenant": "Acme",
            "subjectId": "0b9f6a1c5d2e4f7a8b3c4d5e6f708192",
            "username": "Alice",
            "normalizedUsername": "alice",
            "email": "alice@example.com",
            "displayName": "Alice A.",
            "passwordHash": PASSWORD_HASH,
            "disabled": False,
            "roles": ["Admin", "Auditor"],
            "attributes": {"team": "blue"},
            "logins": [
                {
                    "issuer": "https://idp.example",
                    "subject": "a-1",
                    "linkedAt": MADE,
                    "label": "work",
                },
            ],
            "plugin": "standard",
            "securityStamp": "x",
            **DATES,
        },
        {
            "_id": key(3),
            "tenant": "Acme",
            "subjectId": "bob",
            "username": "bob",
            "disabled": True,
            "roles": ["auditor"],
            **DATES,
        },
        {"_id": key(4), "tenant": "Acme", "subjectId": "nobody", **DATES},
    ],
    "authority_clients": [
        {
            "_id": key(5),
            "tenant": "Acme",
            "clientId": "console",
            "clientType": "Confidential",
            "displayName": "Console",
            "secretHash": digest(SECRET),
            "redirectUris": ["https://console.example/cb"],
            "permissions": ["ept:token"],
            "properties": {"audiences": "api"},
            "disabled": False,
            "plugin": "standard",
            **DATES,
        },
    ],
    "authority_scopes": [
        {
            "_id": key(6),
            "tenant": "Acme",
            "name": "findings:read",
            "displayName": "Read findings",
            "resources": ["https://api.example/"],
            "properties": {},
            "createdAt": MADE,
        },
    ],
    "authority_service_accounts": [
        {
            "_id": key(7),
            "tenant": "Acme",
            "accountId": "scanner",
            "displayName": "Scanner",
            "enabled": True,
            "allowedScopes": ["findings:read"],
            "authorizedClients": ["console"],
            "attributes": {"env": ["prod"]},
            **DATES,
        },
    ],
    "authority_tokens": [
        _token(
            8,
            type="access_token",
            referenceId=digest(ACCESS),
            authorizationId="grant-1",
            subjectId="0b9f6a1c5d2e4f7a8b3c4d5e6f708192",
            scope=["openid", "findings:read"],
            status="valid",
        ),
        _token(
            9,
            type="refresh_token",
            referenceId=digest(REFRESH),
            authorizationId="grant-1",
            subjectId="0b9f6a1c5d2e4f7a8b3c4d5e6f708192",
            scope="openid findings:read",
            payload="opaque",
        ),
        _token(
            10,
            type="access_token",
            referenceId=digest("revoked"),
            serviceAccountId="scanner",
            subjectId="service-account:scanner",
            revokedAt=CHANGED,
        ),
        _token(11, type="access_token", subjectId="bob"),
        _token(
            12,
            type="access_token",
            referenceId=digest("bound"),
            senderConstraint="mtls",
        ),
    ],
    "authority_revocations": [
        {
            "_id": key(13),
            "tenant": "Acme",
            "category": "subject",
            "revocationId": "bob",
            "reason": "left",
            "revokedAt": CHANGED,
            "metadata": {"ticket": "T-1"},
            "updatedAt": CHANGED,
        },
    ],
    "authority_login_attempts": [
        {
            "_id": key(14),
            "tenant": "Acme",
            "username": "Alice",
            "outcome": "success",
            "subjectId": "0b9f6a1c5d2e4f7a8b3c4d5e6f708192",
            "clientId": "console",
            "remoteAddress": "192.0.2.7",
            "correlationId": "c-1",
            "plugin": "standard",
            "properties": [{"name": "x", "value": "y"}],
            "occurredAt": MADE,
        },
        {
            "_id": key(15),
            "tenant": "Acme",
            "outcome": "invalidCredentials",
            "occurredAt": MADE,
        },
    ],
    "authority_licenses": [
        {
            "_id": key(16),
            "tenant": "Acme",
            "licenseKey": "KEY-1",
            "plan": "pro",
            "maxSeats": Int64(5),
            "features": ["sso"],
            "limits": {"scans": 1000},
            "validFrom": MADE,
            "validUntil": LATER,
            "status": "active",
            "issuedTo": "Acme GmbH",
            **DATES,
        },
    ],
    "authority_license_usage": [
        {
            "_id": key(17),
            "tenant": "Acme",
            "licenseId": key(16),
            "metric": "scans",
            "periodStart": "2025-03-01",
            "periodEnd": "2025-04-01",
            "quantity": 40.0,
            "recordedAt": MADE,
            "host": "w-1",
        },
    ],
    "authority_bootstrap_invites": [{"_id": key(18), "token": "x"}],
    "authority_revocation_state": [],
}

CSV: Final[Mapping[str, str]] = {
    "users": "\n".join(
        [
            "user_id;login;mail;mail_confirmed;first_name;last_name;password;state;"
            "registered;phone_number;roles;cost_centre",
            f'1;ann;ann@example.com;yes;Ann;"O;Neil"; {PASSWORD_HASH} ;enabled;'
            '2026-01-31 12:30:00;+49 1;"admin, reader";77',
            '2;bob;;;Bob;"B\nC";;gone;2026-01-31 12:30:00;;;',
            "3;eve;no address;;Eve;E;;enabled;2026-01-31 12:30:00;;;",
            "4;short",
            "",
        ]
    ),
    "clients": "client_id;secret;redirects;created;owner\n"
    f"web;{SECRET};https://a.example/cb https://b.example/cb;1769862600;1\n"
    "spa;;https://spa.example/cb;1769862600;1\n",
    "old_sessions": "id;at\n1;2\n2;3\n",
}

JSON_LINES: Final[Mapping[str, Sequence[Mapping[str, Any]]]] = {
    "users": [
        {
            "user_id": "auth0|1",
            "username": "ann",
            "email": "ann@example.com",
            "email_lower": "ann@example.com",
            "email_verified": True,
            "name": "Ann A.",
            "given_name": "Ann",
            "locale": "en",
            "custom_password_hash": {
                "algorithm": "bcrypt",
                "hash": {"value": PASSWORD_HASH, "encoding": "utf8"},
            },
            "identities": [
                {"provider": "auth0", "user_id": "1", "isSocial": False},
                {
                    "provider": "google-oauth2",
                    "user_id": "g-1",
                    "isSocial": True,
                    "connection": "google",
                    "profileData": {"name": "Ann"},
                },
            ],
            "app_metadata": {"roles": {"admin": 1769862600000}, "plan": "pro"},
            "user_metadata": {"color": "red"},
            "mfa_factors": [{"totp": {"secret": "x"}}],
            "created_at": "2026-01-31T12:30:00.000Z",
            "updated_at": "2026-02-01T12:30:00.000Z",
        },
        {"user_id": "auth0|2", "email": "bob@example.com", "blocked": True},
    ],
}
