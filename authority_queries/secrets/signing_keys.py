"""Keys that sign tokens."""

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias
from uuid import UUID

from authority_queries.engine.checks import octets, text
from authority_queries.engine.json_types import JsonObject
from authority_queries.engine.refusals import refusal, wrong_type

SigningAlgorithm: TypeAlias = Literal[
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
]

# Of private and of symmetric keys (RFC 7518 section 6). The check of the column
# public_jwk has the same members.
_PRIVATE_MEMBERS: Final = frozenset(
    ("d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv")
)
_kid: Final = text(1, 256)
_pem: Final = octets(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key pair that signs tokens with one algorithm.

    `private_key` is PKCS #8 PEM, which every JOSE library reads. `public_jwk` is
    published as it is, so a JWK with a member of a private key is refused
    (InvalidArgumentError).
    """

    kid: str
    alg: SigningAlgorithm
    public_jwk: JsonObject
    private_key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _kid("kid", self.kid)
        _pem("private_key", self.private_key)
        if not isinstance(self.public_jwk, dict):
            raise wrong_type("public_jwk", "a dict", self.public_jwk)
        if _PRIVATE_MEMBERS & self.public_jwk.keys():
            raise refusal("public_jwk", "must have no member of a private key")


def bound_to(tenant_id: UUID, kid: str, alg: str) -> tuple[str | UUID, ...]:
    """Return what the ciphertext of a private key is bound to: its row."""
    return ("signing_keys", tenant_id, kid, alg)
