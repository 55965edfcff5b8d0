"""TOTP secrets of other systems, encrypted for this store."""

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from authority_queries.credentials.totp import TotpAlgorithm, TotpSecret
from authority_queries.errors import DecryptionError, InvalidArgumentError
from authority_queries.importing.conversions import ConversionError
from authority_queries.importing.entries import TotpCredentialEntry
from authority_queries.importing.entries.proofs import Proof, SealedOctets
from authority_queries.secrets.encryption import Encrypted, Keyring

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ALGORITHMS: Final[tuple[TotpAlgorithm, ...]] = ("SHA1", "SHA256", "SHA512")


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpSealer:
    """Encrypts under a keyring, for the users of one tenant."""

    keyring: Keyring | None = field(repr=False)
    tenant_id: UUID

    def seal(
        self,
        *,
        id: UUID,
        user: str,
        user_id: UUID,
        secret: bytes,
        algorithm: str = "SHA1",
        digits: int = 6,
        period: int = 30,
        name: str = "",
        created_at: datetime | None = None,
    ) -> TotpCredentialEntry:
        """Return the entry of a confirmed secret. Raises ConversionError."""
        if self.keyring is None:
            message = "needs a keyring: import by the API with SourceOptions(keyring=…)"
            raise ConversionError(message)
        checked = _checked(secret, algorithm, digits, timedelta(seconds=period))
        row = ("totp_credentials", self.tenant_id, user_id)
        sealed = self.keyring.encrypt(checked.secret, bound_to=row)
        proof = _proof(self.keyring, sealed.key_id, row, checked.secret)
        used_at = created_at or _LONG_AGO
        return TotpCredentialEntry(
            id=id,
            user=user,
            secret_ciphertext=SealedOctets(sealed.ciphertext, proof),
            encryption_key_id=sealed.key_id,
            algorithm=checked.algorithm,
            digits=checked.digits,
            period=checked.period,
            name=name,
            created_at=created_at,
            confirmed_at=used_at,
            last_used_step=0,
            last_used_at=used_at,
        )


def from_base32(value: str) -> bytes:
    """Return the octets of a secret in base32. Raises ConversionError."""
    bare = value.strip().rstrip("=").upper()
    try:
        return base64.b32decode(bare + "=" * (-len(bare) % 8))
    except ValueError:
        message = "has a secret that is no base32"
        raise ConversionError(message) from None


def _checked(
    secret: bytes, algorithm: str, digits: int, period: timedelta
) -> TotpSecret:
    known = algorithm.upper().replace("HMAC", "").replace("-", "")
    if known not in _ALGORITHMS:
        message = "has an unknown algorithm"
        raise ConversionError(message)
    try:
        return TotpSecret(secret=secret, algorithm=known, digits=digits, period=period)
    except InvalidArgumentError:
        message = "has a length, digits or a period that are not allowed"
        raise ConversionError(message) from None


def _proof(
    keyring: Keyring, key_id: str, row: tuple[str | UUID, ...], secret: bytes
) -> Proof:
    def proves(found: object) -> bool:
        if not isinstance(found, bytes):
            return False
        try:
            given = Encrypted(ciphertext=found, key_id=key_id)
            return keyring.decrypt(given, bound_to=row) == secret
        except (DecryptionError, InvalidArgumentError):
            return False

    return proves
