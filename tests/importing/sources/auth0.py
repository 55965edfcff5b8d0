"""An export of Auth0 with each field that it has, and known passwords."""

from pathlib import Path
from typing import Final

import bcrypt
from pydantic import JsonValue

from tests.importing.sources.accounting import write_json, write_lines

ANN: Final = "auth0|60425dc43519d90068f80001"
BEN: Final = "google-oauth2|1234567890"
CLEO: Final = "auth0|cleo"
ANNS_PASSWORD: Final = "ann's long password"
CLEOS_PASSWORD: Final = "cleo's long password"
SECRET: Final = "a-secret-of-the-web-application"


def _bcrypt(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


ANN_THERE: Final[dict[str, JsonValue]] = {
    "user_id": ANN,
    "email": "ann@acme.example",
    "email_verified": True,
    "username": "ann",
    "given_name": "Ann",
    "family_name": "Acme",
    "nickname": "annie",
    "name": "Ann Acme",
    "picture": "https://pictures.example/ann",
    "locale": "de",
    "phone_number": "+431234567",
    "phone_verified": True,
    "blocked": True,
    "created_at": "2021-03-05T16:35:16.775Z",
    "updated_at": "2024-03-05T16:35:16.775Z",
    "last_login": "2024-03-04T16:35:16.775Z",
    "last_ip": "192.0.2.7",
    "logins_count": 12,
    "multifactor": ["guardian"],
    "user_metadata": {"theme": "dark", "password_hint": "do-not-keep-this"},
    "app_metadata": {"plan": "pro"},
    "identities": [
        {
            "provider": "auth0",
            "user_id": "60425dc43519d90068f80001",
            "connection": "Username-Password-Authentication",
            "isSocial": False,
        },
        {
            "provider": "google-oauth2",
            "user_id": "555",
            "connection": "google-oauth2",
            "isSocial": True,
            "access_token": "do-not-keep-this",
            "profileData": {"email": "ann@mail.example"},
        },
        {
            "provider": "waad",
            "user_id": "w-1",
            "connection": "acme-directory",
            "isSocial": False,
        },
    ],
}
USERS: Final[list[JsonValue]] = [
    ANN_THERE,
    {"user_id": BEN, "email": "ann@acme.example", "email_verified": True},
    {"user_id": CLEO, "email": "cleo@acme.example"},
    {"user_id": "auth0|no-address", "email": "no address"},
    {"email": "nobody@acme.example"},
]
PASSWORD: Final[dict[str, JsonValue]] = {
    "_id": {"$oid": "60425dc43519d90068f80001"},
    "email_verified": True,
    "email": "ann@acme.example",
    "passwordHash": _bcrypt(ANNS_PASSWORD),
    "password_set_date": {"$date": "2021-03-05T16:35:16.775Z"},
    "tenant": "dev-acme",
    "connection": "Username-Password-Authentication",
    "_tmp_is_unique": True,
}
PASSWORDS: Final[list[JsonValue]] = [
    {"_id": {"$oid": "60425dc43519d90068f80009"}, "passwordHash": _bcrypt("gone")},
    {
        "_id": {"$oid": "60425dc43519d90068f80002"},
        "alt_id": "cleo",
        "passwordHash": _bcrypt(CLEOS_PASSWORD),
    },
    PASSWORD,
]
WEB: Final[dict[str, JsonValue]] = {
    "client_id": "web-of-auth0",
    "client_secret": SECRET,
    "name": "The shop",
    "description": "Where people buy.",
    "app_type": "regular_web",
    "is_first_party": True,
    "callbacks": ["https://shop.example/cb", "https://*.shop.example/cb"],
    "allowed_logout_urls": ["https://shop.example/bye"],
    "web_origins": ["https://shop.example"],
    "grant_types": ["authorization_code", "refresh_token"],
    "token_endpoint_auth_method": "client_secret_post",
    "logo_uri": "https://shop.example/logo",
    "jwt_configuration": {"alg": "RS256", "secret_encoded": False},
    "oidc_logout": {"backchannel_logout_urls": ["https://shop.example/out"]},
    "signing_keys": [{"cert": "do-not-keep-this"}],
    "client_metadata": {"team": "sales"},
}
APIS: Final[list[JsonValue]] = [
    {
        "id": "api-1",
        "name": "Orders",
        "identifier": "https://api.example/orders",
        "signing_secret": "do-not-keep-this",
        "scopes": [{"value": "read:orders", "description": "Read the orders"}],
    },
    {
        "name": "Archive",
        "identifier": "https://api.example/archive",
        "scopes": [{"value": "read:orders"}, {"value": "email"}],
    },
]
ROLES: Final[list[JsonValue]] = [
    {
        "id": "rol_1",
        "name": "Order Clerk",
        "description": "Handles orders",
        "permissions": [{"permission_name": "read:orders"}],
    }
]


def write_export(folder: Path) -> Path:
    """Write all files of an export to a folder."""
    folder.mkdir(exist_ok=True)
    write_lines(folder / "users.ndjson", *USERS)
    write_lines(folder / "passwords.ndjson", *PASSWORDS)
    everything: dict[str, JsonValue] = {"client_id": "all", "global": True}
    write_json(folder / "clients.json", [WEB, everything])
    write_json(folder / "resource-servers.json", APIS)
    write_json(folder / "roles.json", ROLES)
    (folder / "tenant.yaml").write_text("actions: []\n")
    return folder
