"""Encrypts secrets that a service must read back: private keys, TOTP secrets.

The database keeps the ciphertext and the id of the key, and never sees the key.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from authority_queries.engine.checks import instance, octets, text
from authority_queries.engine.refusals import refusal, wrong_type
from authority_queries.errors import DecryptionError

# The first octet of every ciphertext. Plain PEM, DER, JSON and base32 begin with
# another one, so that a check of the table refuses a secret that is not encrypted.
_VERSION: Final = b"\x01"
_NONCE_OCTETS: Final = 12
_TAG_OCTETS: Final = 16
_MOST_OCTETS: Final = 16384
_OVERHEAD: Final = len(_VERSION) + _NONCE_OCTETS + _TAG_OCTETS
_key: Final = octets(32, 32)
_key_id: Final = text(1, 256)
_secret: Final = octets(1, _MOST_OCTETS - _OVERHEAD)
_ciphertext: Final = octets(_OVERHEAD + 1, _MOST_OCTETS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encrypted:
    """A secret as the store keeps it: its ciphertext and the id of the key.

    Raises InvalidArgumentError for octets that `Keyring.encrypt` did not make.
    """

    ciphertext: bytes = field(repr=False)
    key_id: str

    def __post_init__(self) -> None:
        _key_id("key_id", self.key_id)
        _ciphertext("ciphertext", self.ciphertext)
        if not self.ciphertext.startswith(_VERSION):
            raise refusal("ciphertext", "must be from Keyring.encrypt")


class Keyring:
    """Encrypts under the current key, and decrypts under this and older keys.

    `keys` are 32 random octets each (AES-256-GCM), by their ids. An id is stored beside
    each ciphertext: it is a name, such as "2026-11", and no secret. Never use an id for
    another key. One key may encrypt 2 ** 32 secrets (NIST SP 800-38D section 8.3).
    Raises InvalidArgumentError.
    """

    def __init__(self, *, current: str, keys: Mapping[str, bytes]) -> None:
        if not isinstance(keys, Mapping):
            raise wrong_type("keys", "a mapping of ids to keys", keys)
        self._ciphers: Final = {
            _key_id("keys", key_id): AESGCM(_key("keys", key))
            for key_id, key in keys.items()
        }
        if current not in self._ciphers:
            raise refusal("current", "must be the id of one of keys")
        self._current: Final = current

    def __repr__(self) -> str:
        return f"Keyring(current={self._current!r}, keys={sorted(self._ciphers)})"

    @property
    def current(self) -> str:
        """The id of the key that encrypts."""
        return self._current

    def encrypt(self, secret: bytes, *, bound_to: tuple[str | UUID, ...]) -> Encrypted:
        """Encrypt under the current key.

        `bound_to` are the table and the values that identify the row, such as
        `("signing_keys", tenant_id, kid, alg)`. The ciphertext decrypts only with the
        same ones, so that it is of no use in another row. Raises InvalidArgumentError.
        """
        _secret("secret", secret)
        nonce = os.urandom(_NONCE_OCTETS)
        associated = _associated_data(self._current, bound_to)
        sealed = self._ciphers[self._current].encrypt(nonce, secret, associated)
        return Encrypted(
            ciphertext=_VERSION + nonce + sealed,
            key_id=self._current,
        )

    def decrypt(
        self, encrypted: Encrypted, *, bound_to: tuple[str | UUID, ...]
    ) -> bytes:
        """Return the secret.

        Raises DecryptionError if the keyring has no key of this id, the key is another
        one, the ciphertext was changed, or it was encrypted for another row.
        """
        instance(Encrypted)("encrypted", encrypted)
        associated = _associated_data(encrypted.key_id, bound_to)
        cipher = self._ciphers.get(encrypted.key_id)
        if cipher is None:
            message = f"the keyring has no key with the id {encrypted.key_id!r}"
            raise DecryptionError(message)
        start = len(_VERSION)
        nonce = encrypted.ciphertext[start : start + _NONCE_OCTETS]
        sealed = encrypted.ciphertext[start + _NONCE_OCTETS :]
        try:
            return cipher.decrypt(nonce, sealed, associated)
        except InvalidTag as error:
            message = (
                "the ciphertext is not of this row, or not of the key with the id "
                f"{encrypted.key_id!r}"
            )
            raise DecryptionError(message) from error

    def reencrypt(
        self, encrypted: Encrypted, *, bound_to: tuple[str | UUID, ...]
    ) -> Encrypted:
        """Decrypt, and encrypt under the current key. Raises DecryptionError."""
        return self.encrypt(
            self.decrypt(encrypted, bound_to=bound_to), bound_to=bound_to
        )


def _associated_data(key_id: str, bound_to: tuple[str | UUID, ...]) -> bytes:
    """Return an encoding that differs for any two lists: each part has its length."""
    if not isinstance(bound_to, tuple) or not bound_to:
        raise wrong_type("bound_to", "a tuple of str and UUID", bound_to)
    parts = [b"authority-queries encrypt v1", key_id.encode()]
    for part in bound_to:
        if not isinstance(part, str | UUID):
            raise wrong_type("bound_to", "a tuple of str and UUID", part)
        parts.append(str(part).encode())
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
