"""Names, and the hashes of passwords and client secrets."""

import json
from collections.abc import Callable, Mapping
from typing import Final

from authority_queries.credentials import (
    convert_keycloak_hash,
    convert_password_hash,
    hash_client_secret,
    hash_password,
    verify_client_secret,
    verify_password,
)
from authority_queries.credentials.client_secrets import is_minted_secret_hash
from authority_queries.credentials.password_hashes import encode
from authority_queries.errors import InvalidArgumentError
from authority_queries.importing.conversions.base import Value, refuse, unwrapped
from authority_queries.importing.conversions.octets import base64
from authority_queries.importing.conversions.scalars import raw_text, text
from authority_queries.importing.entries.proofs import Proof, SaltedHash
from authority_queries.names import check_email, username_key

_FORMAT: Final = "has no format that can be imported, or costs too much to verify"


def username(value: Value) -> str:
    """Check that a text is a username (RFC 8265). It is not changed."""
    found = text(value)
    _call(username_key, found, "is no username: RFC 8265 does not allow it")
    return found


def email(value: Value) -> str:
    """Check that a text is one e-mail address. It is not changed."""
    return _call(check_email, text(value), "is no e-mail address")


def password_hash(value: Value) -> str:
    """Convert the hash of a password from one of the formats that can be verified."""
    return _call(convert_password_hash, text(value), _FORMAT)


def keycloak_hash(value: Value) -> str:
    """Convert a credential of Keycloak, with `credentialData` and `secretData`."""
    match unwrapped(value):
        case {"credentialData": data, "secretData": secret}:
            pass
        case _:
            refuse("is no credential with credentialData and secretData")
    try:
        return convert_keycloak_hash(_as_json(data), _as_json(secret))
    except InvalidArgumentError:
        return refuse(_FORMAT)


def plain_password(value: Value) -> str:
    """Hash a password with Argon2id. That takes tens of milliseconds."""
    password = raw_text(value)
    made = _call(hash_password, password, "has more than 4096 octets")
    return SaltedHash(made, _proof(verify_password, password))


def client_secret_hash(value: Value) -> str:
    """Convert the hash of a client secret from a format that can be verified."""
    found = text(value)
    return found if is_minted_secret_hash(found) else password_hash(found)


def sha256_client_secret(value: Value) -> str:
    """Convert base64 of the SHA-256 of a client secret.

    Such a hash protects only secrets of many random bits.
    """
    return f"$sha256${encode(base64(value, size=32))}"


def plain_client_secret(value: Value) -> str:
    """Hash a client secret with Argon2id, or SHA-256 if this package minted it."""
    secret = raw_text(value)
    made = _call(hash_client_secret, secret, "has more than 4096 octets")
    return SaltedHash(made, _proof(verify_client_secret, secret))


def _proof(verify: Callable[[str, str], bool], secret: str) -> Proof:
    def proves(found: object) -> bool:
        return isinstance(found, str) and verify(found, secret)

    return proves


def _call(check: Callable[[str], str], value: str, reason: str) -> str:
    try:
        return check(value)
    except InvalidArgumentError:
        return refuse(reason)


def _as_json(value: object) -> str:
    return json.dumps(value) if isinstance(value, Mapping) else str(value)
