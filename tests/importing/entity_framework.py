"""A database of OpenIddict and ASP.NET Core Identity, in any spelling of its names."""

import base64
import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

_TABLES = Path(__file__).with_name("entity_framework.sql")
NOW = datetime.now(UTC).replace(microsecond=0)
MADE = NOW - timedelta(days=3)
SOON = NOW + timedelta(hours=1)

# From ASP.NET Core's own tests: version 2 of its format.
PASSWORD = "my password"
PASSWORD_HASH = "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJg=="

AUTHENTICATOR_KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

APPLICATION = "0f2b7a30-9a52-4c4e-8f0e-6b1f0a3f2c01"
DEVICE = "0f2b7a30-9a52-4c4e-8f0e-6b1f0a3f2c02"
ANN = "5b0c7c1e-6f0d-4b53-9b1a-0d7f5f5c9a01"
BOB = "5b0c7c1e-6f0d-4b53-9b1a-0d7f5f5c9a02"
AD_HOC = "7a1d3a52-7d36-43c3-8f21-9f6f0c5d7b01"
FOR_GOOD = "7a1d3a52-7d36-43c3-8f21-9f6f0c5d7b02"
MORE_FOR_GOOD = "7a1d3a52-7d36-43c3-8f21-9f6f0c5d7b03"
REFRESH = "c1f5d2a4-0b7b-4a44-8a3b-3d8f2f6b5e01"
REFRESH_STRING = "Yy2FHm1oUwA7n1vJxkKcPzTnF3fG0X9dQ4bR5sV6wZ8"
ACCESS_STRING = "b1hX0aN7mQ2kL9pR4tV6yW8zC3dF5gH1jK0lM2nP4qS"

Tables = dict[str, list[dict[str, Any]]]


def reference_id(token: str) -> str:
    """Return what OpenIddict stores of a reference token."""
    return base64.b64encode(hashlib.sha256(token.encode()).digest()).decode()


def client_secret(secret: str) -> str:
    """Hash a client secret as OpenIddict: PBKDF2 with SHA-256, 10,000 rounds."""
    salt = bytes(range(16))
    found = hashlib.pbkdf2_hmac("sha256", secret.encode(), salt, 10_000, 32)
    header = bytes.fromhex("01 00000001 00002710 00000010")
    return base64.b64encode(header + salt + found).decode()


def signed(claims: dict[str, object]) -> str:
    """Return a payload that is signed and not encrypted."""
    parts = (b'{"alg":"RS256"}', json.dumps(claims).encode(), b"signature")
    return ".".join(
        base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts
    )


def rows() -> Tables:
    """Return one row of each kind, with a value in each column."""
    authorization = {
        "ApplicationId": APPLICATION,
        "ConcurrencyToken": "lock",
        "CreationDate": MADE,
        "Properties": '{"device": "phone"}',
        "Scopes": '["openid", "offline_access"]',
        "Status": "valid",
        "Subject": ANN,
        "Type": "ad-hoc",
    }
    token = {
        "ApplicationId": APPLICATION,
        "AuthorizationId": AD_HOC,
        "ConcurrencyToken": "lock",
        "CreationDate": MADE,
        "ExpirationDate": SOON,
        "Payload": "eyJhbGciOiJSU0EtT0FFUCJ9.encrypted.with.five.parts",
        "Properties": '{"note": "kept"}',
        "RedemptionDate": None,
        "Status": "valid",
        "Subject": ANN,
    }
    return {
        "OpenIddictApplications": [
            {
                "Id": APPLICATION,
                "ApplicationType": "native",
                "ClientId": "portal",
                "ClientSecret": client_secret("swordfish"),
                "ClientType": "confidential",
                "ConcurrencyToken": "lock",
                "ConsentType": "implicit",
                "DisplayName": "Portal",
                "DisplayNames": '{"de": "Pforte"}',
                "JsonWebKeySet": '{"keys": []}',
                "Permissions": json.dumps(
                    ["ept:token", "gt:authorization_code", "rst:code", "scp:email"]
                ),
                "PostLogoutRedirectUris": '["https://portal.example/out"]',
                "Properties": '{"team": "web"}',
                "RedirectUris": '["https://portal.example/in"]',
                "Requirements": '["ft:pkce"]',
                "Settings": '{"tkn_lft:act": "00:10:00"}',
            },
            {
                "Id": DEVICE,
                "ClientId": "tv",
                "ClientType": "public",
                "ClientSecret": client_secret("ignored"),
            },
        ],
        "OpenIddictScopes": [
            {
                "Id": "3f0a",
                "ConcurrencyToken": "lock",
                "Description": "Reads invoices",
                "Descriptions": '{"de": "Liest Rechnungen"}',
                "DisplayName": "Invoices",
                "DisplayNames": '{"de": "Rechnungen"}',
                "Name": "invoices",
                "Properties": '{"tier": 1}',
                "Resources": '["https://api.example", "invoice_api"]',
            }
        ],
        "OpenIddictAuthorizations": [
            {"Id": AD_HOC, **authorization},
            {"Id": FOR_GOOD, **authorization, "Type": "permanent"},
            {
                "Id": MORE_FOR_GOOD,
                **authorization,
                "Type": "permanent",
                "Scopes": '["openid", "email"]',
                "Properties": '{"browser": "fox"}',
                "CreationDate": NOW,
            },
        ],
        "OpenIddictTokens": [
            {
                "Id": REFRESH,
                **token,
                "ReferenceId": reference_id(REFRESH_STRING),
                "Type": "refresh_token",
            },
            {
                "Id": "c1f5d2a4-0b7b-4a44-8a3b-3d8f2f6b5e02",
                **token,
                "Payload": signed({"sub": ANN, "scope": "openid"}),
                "ReferenceId": reference_id(ACCESS_STRING),
                "Type": "urn:ietf:params:oauth:token-type:access_token",
            },
            {
                "Id": "c1f5d2a4-0b7b-4a44-8a3b-3d8f2f6b5e03",
                **token,
                "ReferenceId": reference_id("redeemed"),
                "RedemptionDate": NOW,
                "Status": "redeemed",
                "Type": "refresh_token",
            },
            {
                "Id": "c1f5d2a4-0b7b-4a44-8a3b-3d8f2f6b5e04",
                **token,
                "AuthorizationId": None,
                "ExpirationDate": None,
                "ReferenceId": reference_id("alone"),
                "Status": "revoked",
                "Type": "refresh_token",
            },
            {
                "Id": "c1f5d2a4-0b7b-4a44-8a3b-3d8f2f6b5e05",
                **token,
                "Subject": "portal",
                "AuthorizationId": None,
                "ReferenceId": reference_id("of the client"),
                "Type": "access_token",
            },
            {"Id": "x1", **token, "Type": "access_token"},
            {
                "Id": "x2",
                **token,
                "ExpirationDate": MADE,
                "ReferenceId": reference_id("expired"),
                "Type": "access_token",
            },
            {
                "Id": "x3",
                **token,
                "ReferenceId": reference_id("code"),
                "Type": "authorization_code",
            },
        ],
        "AspNetRoles": [
            {"Id": "r1", "Name": "Admin", "NormalizedName": "ADMIN"},
            {"Id": "r2", "Name": "Power User", "ConcurrencyStamp": "lock"},
        ],
        "AspNetUsers": [
            {
                "Id": ANN,
                "Company": "Acme",
                "UserName": "ann@example.com",
                "NormalizedUserName": "ANN@EXAMPLE.COM",
                "Email": "ann@example.com",
                "NormalizedEmail": "ANN@EXAMPLE.COM",
                "EmailConfirmed": True,
                "PasswordHash": PASSWORD_HASH,
                "SecurityStamp": "stamp",
                "ConcurrencyStamp": "lock",
                "PhoneNumber": "+49 30 1",
                "PhoneNumberConfirmed": True,
                "TwoFactorEnabled": True,
                "LockoutEnd": NOW + timedelta(minutes=5),
                "LockoutEnabled": True,
                "AccessFailedCount": 2,
            },
            {
                "Id": BOB,
                "UserName": "bob",
                "EmailConfirmed": False,
                "PhoneNumberConfirmed": False,
                "TwoFactorEnabled": False,
                "LockoutEnd": "infinity",
                "LockoutEnabled": True,
                "AccessFailedCount": 0,
            },
        ],
        "AspNetRoleClaims": [
            {"RoleId": "r1", "ClaimType": "permission", "ClaimValue": "all"}
        ],
        "AspNetUserClaims": [
            {"UserId": ANN, "ClaimType": "name", "ClaimValue": "Ann Lee"},
            {"UserId": ANN, "ClaimType": "department", "ClaimValue": "sales"},
        ],
        "AspNetUserLogins": [
            {
                "LoginProvider": "Google",
                "ProviderKey": "1122",
                "ProviderDisplayName": "Google account",
                "UserId": ANN,
            }
        ],
        "AspNetUserRoles": [
            {"UserId": ANN, "RoleId": "r1"},
            {"UserId": ANN, "RoleId": "r2"},
        ],
        "AspNetUserTokens": [
            {
                "UserId": ANN,
                "LoginProvider": "[AspNetUserStore]",
                "Name": "AuthenticatorKey",
                "Value": AUTHENTICATOR_KEY,
            }
        ],
        "AspNetUserPasskeys": [
            {
                "CredentialId": bytes(range(20)),
                "UserId": ANN,
                "Data": json.dumps(_passkey()),
            }
        ],
    }


def _passkey() -> dict[str, object]:
    def encoded(octets: bytes) -> str:
        return base64.b64encode(octets).decode()

    data = bytes(37) + bytes(range(16)) + bytes(30)
    return {
        "PublicKey": encoded(b"cose key"),
        "Name": "Phone",
        "CreatedAt": MADE.isoformat(),
        "SignCount": 7,
        "Transports": ["internal"],
        "IsUserVerified": True,
        "IsBackupEligible": True,
        "IsBackedUp": False,
        "AttestationObject": encoded(b"\xa1hauthData\x58\x53" + data),
        "ClientDataJson": encoded(b"{}"),
    }


def fill(
    conninfo: str, tables: Tables, *, snake: bool = False, keys: str = "text"
) -> None:
    """Make the tables and insert the rows.

    `snake`: with names in snake_case. `keys`: the type of ids of users.
    """
    ddl = _TABLES.read_text("utf-8")
    for column in ('"UserId"', 'create table "AspNetUsers" (\n    "Id"'):
        ddl = ddl.replace(f"{column} text", f"{column} {keys}")
    if snake:
        ddl = re.sub(r'"(\w+)"', lambda match: f'"{snake_case(match[1])}"', ddl)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(ddl.encode())
        for table, all_rows in tables.items():
            for row in all_rows:
                names = [snake_case(name) if snake else name for name in row]
                insert = SQL("insert into {} ({}) values ({})").format(
                    Identifier(snake_case(table) if snake else table),
                    SQL(", ").join(map(Identifier, names)),
                    SQL(", ").join(SQL("%s") for _ in row),
                )
                connection.execute(insert, list(row.values()))


def snake_case(name: str) -> str:
    """Return a name as EFCore.NamingConventions writes it."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
