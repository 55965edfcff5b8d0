"""Clients of Hydra and identities of Kratos, with each field that they have."""

import base64
import hashlib
from typing import Final

import bcrypt
from pydantic import JsonValue

ANN: Final = "1b9d8d1e-7c43-4f0a-9d0b-6f0c2b8f7a01"
BEN: Final = "1b9d8d1e-7c43-4f0a-9d0b-6f0c2b8f7a02"
ANNS_PASSWORD: Final = "ann's long password"
BENS_PASSWORD: Final = "ben's long password"
SECRET: Final = "a-secret-of-hydra"
TOTP_SECRET: Final = b"20 octets of TOTP..."
_SALT: Final = b"0123456789abcdef"


def _b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _pbkdf2(secret: str) -> str:
    found = hashlib.pbkdf2_hmac("sha256", secret.encode(), _SALT, 1000)
    salt, value = (_b64(each).rstrip("=") for each in (_SALT, found))
    return f"$pbkdf2-sha256$i=1000,l=32${salt}${value}"


def _scrypt(password: str) -> str:
    found = hashlib.scrypt(password.encode(), salt=_SALT, n=1024, r=8, p=1, dklen=32)
    return f"$scrypt$ln=1024,r=8,p=1${_b64(_SALT)}${_b64(found)}"


WEB: Final[dict[str, JsonValue]] = {
    "client_id": "web-of-hydra",
    "client_name": "The shop",
    "client_secret": _pbkdf2(SECRET),
    "client_secret_expires_at": 4102444800,
    "redirect_uris": ["https://shop.example/cb"],
    "post_logout_redirect_uris": ["https://shop.example/bye"],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "scope": "openid orders",
    "audience": ["https://api.example"],
    "owner": "sales",
    "policy_uri": "https://shop.example/policy",
    "tos_uri": "",
    "client_uri": "https://shop.example",
    "logo_uri": "https://shop.example/logo",
    "contacts": ["ops@shop.example"],
    "subject_type": "public",
    "jwks": {},
    "jwks_uri": "https://shop.example/keys",
    "token_endpoint_auth_method": "client_secret_post",
    "userinfo_signed_response_alg": "none",
    "created_at": "2024-03-05T16:35:16Z",
    "updated_at": "2025-03-05T16:35:16Z",
    "metadata": {"team": "sales"},
    "skip_consent": True,
    "backchannel_logout_uri": "https://shop.example/out",
    "backchannel_logout_session_required": True,
    "registration_access_token": "do-not-keep-this",
    "registration_client_uri": "https://hydra.example/clients/web-of-hydra",
    "authorization_code_grant_access_token_lifespan": "1h0m0s",
    "client_credentials_grant_access_token_lifespan": None,
}
CLIENTS: Final[list[JsonValue]] = [
    WEB,
    {"client_id": "app", "token_endpoint_auth_method": "none", "client_secret": "x"},
    {"client_id": "new", "client_secret": "plain-words-4711"},
]
ANN_THERE: Final[dict[str, JsonValue]] = {
    "id": ANN,
    "credentials": {
        "password": {
            "type": "password",
            "identifiers": ["ann@acme.example", "annie"],
            "config": {
                "hashed_password": bcrypt.hashpw(
                    ANNS_PASSWORD.encode(), bcrypt.gensalt(4)
                ).decode()
            },
            "version": 0,
            "created_at": "2024-03-05T16:35:16Z",
        },
        "oidc": {
            "type": "oidc",
            "identifiers": ["google:1234567890", "work:w-1"],
            "config": {
                "providers": [
                    {
                        "subject": "1234567890",
                        "provider": "google",
                        "initial_access_token": "do-not-keep-this",
                    },
                    {"subject": "w-1", "provider": "work"},
                ]
            },
        },
        "totp": {
            "type": "totp",
            "identifiers": [ANN],
            "config": {
                "totp_url": "otpauth://totp/Acme:ann?algorithm=SHA1&digits=6"
                "&issuer=Acme&period=30&secret="
                + base64.b32encode(TOTP_SECRET).decode()
            },
        },
        "lookup_secret": {
            "type": "lookup_secret",
            "identifiers": [ANN],
            "config": {"recovery_codes": [{"code": "do-not-keep-this"}]},
        },
        "webauthn": {
            "type": "webauthn",
            "identifiers": [_b64(b"a credential's identifier")],
            "config": {
                "user_handle": _b64(b"a user's handle"),
                "credentials": [
                    {
                        "id": _b64(b"a credential's identifier"),
                        "public_key": _b64(b"\xa5\x01\x02"),
                        "attestation_type": "none",
                        "authenticator": {
                            "aaguid": _b64(bytes(range(16))),
                            "sign_count": 7,
                            "clone_warning": False,
                        },
                        "display_name": "Ann's key",
                        "added_at": "2024-03-05T16:35:16Z",
                        "is_passwordless": True,
                        "flags": {"user_verified": True, "backup_eligible": True},
                        "transport": ["usb"],
                    }
                ],
            },
        },
    },
    "schema_id": "person",
    "schema_url": "https://kratos.example/schemas/person",
    "state": "active",
    "state_changed_at": "2024-03-05T16:35:16Z",
    "traits": {
        "email": "ann@acme.example",
        "name": {"first": "Ann", "last": "Acme"},
        "floor": 3,
    },
    "verifiable_addresses": [
        {"value": "ann@acme.example", "verified": True, "via": "email"}
    ],
    "recovery_addresses": [{"value": "ann@acme.example", "via": "email"}],
    "metadata_public": {"plan": "pro"},
    "metadata_admin": {"note": "a customer"},
    "created_at": "2024-03-05T16:35:16Z",
    "updated_at": "2025-03-05T16:35:16Z",
    "organization_id": None,
}
IDENTITIES: Final[list[JsonValue]] = [
    ANN_THERE,
    {
        "id": BEN,
        "state": "inactive",
        "traits": {"username": "ben"},
        "credentials": {
            "password": {
                "identifiers": ["ben"],
                "config": {"hashed_password": _scrypt(BENS_PASSWORD)},
            }
        },
    },
    {
        "id": "1b9d8d1e-7c43-4f0a-9d0b-6f0c2b8f7a03",
        "traits": {"email": "cleo@acme.example"},
        "credentials": {"password": {"identifiers": ["cleo@acme.example"]}},
    },
]
