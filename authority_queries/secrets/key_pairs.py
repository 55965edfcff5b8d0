"""Makes key pairs that sign tokens."""

from typing import Final, Literal, get_args

from joserfc.jwk import ECKey, OKPKey, RSAKey

from authority_queries.engine.checks import one_of
from authority_queries.engine.json_types import JsonObject
from authority_queries.secrets.signing_keys import SigningAlgorithm, SigningKey

_RSA_BITS: Final = 3072  # 128 bits of security (NIST SP 800-57 part 1 table 2)
_CURVES: Final[dict[str, Literal["P-256", "P-384", "P-521"]]] = {
    "ES256": "P-256",
    "ES384": "P-384",
    "ES512": "P-521",
}
_alg: Final = one_of(*get_args(SigningAlgorithm))


def mint_signing_key(alg: SigningAlgorithm) -> SigningKey:
    """Return a new key pair for this algorithm: RSA of 3072 bits, EC, or Ed25519.

    Its kid is the JWK SHA-256 thumbprint (RFC 7638). An RSA key takes up to a second.
    Raises InvalidArgumentError.
    """
    _alg("alg", alg)
    pair = _pair(alg)
    kid = pair.thumbprint()
    public: JsonObject = pair.as_dict(private=False)
    return SigningKey(
        kid=kid,
        alg=alg,
        public_jwk={**public, "kid": kid, "alg": alg, "use": "sig"},
        private_key=pair.as_pem(private=True),
    )


def _pair(alg: SigningAlgorithm) -> RSAKey | ECKey | OKPKey:
    if alg in _CURVES:
        return ECKey.generate_key(_CURVES[alg])
    if alg.startswith("Ed"):
        return OKPKey.generate_key("Ed25519")
    return RSAKey.generate_key(_RSA_BITS)
