"""A database of django-oauth-toolkit, with the users of Django."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

_TABLES = Path(__file__).with_name("django_oauth_toolkit.sql")
NOW = datetime.now(UTC).replace(microsecond=0)
MADE = NOW - timedelta(days=3)
USED = NOW - timedelta(hours=2)
SOON = NOW + timedelta(hours=1)

# Made by Django 5.2 with few rounds.
PASSWORD = "correct horse"
PASSWORD_HASH = (
    "pbkdf2_sha256$1000$TestSaltOfDjango01$QN3V9dXdl6LrHTU7f5naT36qKo5iC2nyyXZiFQ15E5o="
)
SECRET = "gBtn7xJ0" * 16  # as long as a generated one
FAMILY = "6d5d8d68-6a47-4a8c-9d43-9a1f4d0f7a01"
DEAD_FAMILY = "6d5d8d68-6a47-4a8c-9d43-9a1f4d0f7a02"
# As oauthlib makes them: 30 letters and digits.
ACCESS_STRING = "TdRpSZHvDrzTv5NHC1LikfPRMUBU8Q"
REFRESH_STRING = "w7yWCScuOC5NnosIDlSL1M2ms9cevu"
USED_STRING = "3BgD6nBe3t6va3qqG1RhPaKo7gSZVh"
REDACTED_STRING = "5rbLwdWJCKhegCV0p2F02xHTv7oibY"

Tables = dict[str, list[dict[str, Any]]]


def checksum(token: str) -> str:
    """Return what the toolkit stores of each token since 3.0."""
    return hashlib.sha256(token.encode()).hexdigest()


def rows() -> Tables:
    """Return rows of each kind, with a value in each column."""
    times = {"created": MADE, "updated": NOW}
    user = {
        "password": PASSWORD_HASH,
        "last_login": NOW,
        "is_superuser": True,
        "first_name": "Ann",
        "last_name": "Lee",
        "email": "ann@example.com",
        "is_staff": True,
        "is_active": True,
        "date_joined": MADE,
    }
    application = {
        **times,
        "redirect_uris": "https://a.example/in\r\nhttps://b.example/in",
        "client_type": "confidential",
        "authorization_grant_type": "authorization-code",
        "name": "Portal",
        "user_id": 1,
        "skip_authorization": True,
        "algorithm": "RS256",
        "post_logout_redirect_uris": "https://a.example/out",
        "hash_client_secret": True,
        "allowed_origins": "https://a.example",
        "registration_source": "manual",
    }
    access = {
        **times,
        "expires": SOON,
        "scope": "read write",
        "application_id": 1,
        "user_id": 1,
        "resource": Jsonb(["https://api.example", "api"]),
    }
    refresh = {
        **times,
        "application_id": 1,
        "user_id": 1,
        "token_family": FAMILY,
        "resource": Jsonb(["https://api.example"]),
    }
    return {
        "auth_group": [{"id": 1, "name": "Power User"}, {"id": 2, "name": "auditor"}],
        "auth_permission": [
            {"id": 1, "name": "Can", "content_type_id": 1, "codename": "can"}
        ],
        "auth_group_permissions": [{"id": 1, "group_id": 1, "permission_id": 1}],
        "auth_user": [
            {"id": 1, "username": "ann", **user},
            {
                "id": 2,
                "username": "bob",
                **user,
                "password": "!unusable",
                "email": "",
                "first_name": "",
                "is_active": False,
            },
        ],
        "auth_user_groups": [
            {"id": 1, "user_id": 1, "group_id": 1},
            {"id": 2, "user_id": 1, "group_id": 2},
        ],
        "auth_user_user_permissions": [{"id": 1, "user_id": 1, "permission_id": 1}],
        "oauth2_provider_application": [
            {
                "id": 1,
                "client_id": "portal",
                "client_secret": PASSWORD_HASH,
                **application,
            },
            {
                "id": 2,
                "client_id": "https://cli.example/metadata",
                **application,
                "client_secret": "of nobody",
                "client_type": "public",
                "redirect_uris": "http://127.0.0.1/in com.example.cli:/in",
                "registration_source": "cimd",
                "cimd_expires_at": SOON,
            },
            {
                "id": 3,
                "client_id": "batch",
                **application,
                "authorization_grant_type": "client-credentials",
                "client_secret": SECRET,
                "hash_client_secret": False,
                "redirect_uris": "",
            },
        ],
        "oauth2_provider_idtoken": [
            {"id": 1, **times, "jti": FAMILY, "expires": SOON, "scope": "openid"}
        ],
        "oauth2_provider_accesstoken": [
            {
                "id": 1,
                **access,
                "token": ACCESS_STRING,
                "token_checksum": checksum(ACCESS_STRING),
                "id_token_id": 1,
                "source_refresh_token_id": 2,
            },
            {
                "id": 2,
                **access,
                "token": "",  # as with COMPLIANT_BCP_RFC9700_TOKEN_STORAGE
                "token_checksum": checksum(REDACTED_STRING),
                "application_id": 3,
                "user_id": None,
            },
            {
                "id": 3,
                **access,
                "token": "expired" * 5,
                "token_checksum": checksum("expired" * 5),
                "expires": USED,
            },
            {
                "id": 4,
                **access,
                "token": "personal" * 5,
                "token_checksum": checksum("personal" * 5),
                "application_id": None,
            },
            {
                "id": 5,
                **access,
                "token": "short",
                "token_checksum": checksum("short"),
            },
        ],
        "oauth2_provider_refreshtoken": [
            {
                "id": 1,
                **refresh,
                "token": REFRESH_STRING,
                "token_checksum": checksum(REFRESH_STRING),
                "access_token_id": 1,
            },
            {
                "id": 2,
                **refresh,
                "token": USED_STRING,
                "token_checksum": checksum(USED_STRING),
                "revoked": USED,
            },
            {
                "id": 3,
                **refresh,
                "token": "dead" * 8,
                "token_checksum": checksum("dead" * 8),
                "token_family": DEAD_FAMILY,
                "revoked": USED,
            },
            {
                "id": 4,
                **refresh,
                "token": "orphan" * 5,
                "token_checksum": checksum("orphan" * 5),
                "token_family": DEAD_FAMILY,
            },
        ],
        "oauth2_provider_grant": [
            {
                "id": 1,
                **times,
                "code": "code",
                "expires": SOON,
                "redirect_uri": "https://a.example/in",
                "scope": "read",
                "application_id": 1,
                "user_id": 1,
                "code_challenge": "",
                "code_challenge_method": "",
                "nonce": "",
                "claims": "",
                "resource": Jsonb([]),
            }
        ],
    }


def fill(conninfo: str, tables: Tables) -> None:
    """Make the tables and insert the rows."""
    with psycopg.connect(conninfo) as connection:
        connection.execute(_TABLES.read_bytes())
        for table, all_rows in tables.items():
            for row in all_rows:
                insert = SQL("insert into {} ({}) values ({})").format(
                    Identifier(table),
                    SQL(", ").join(map(Identifier, row)),
                    SQL(", ").join(SQL("%s") for _ in row),
                )
                connection.execute(insert, list(row.values()))
