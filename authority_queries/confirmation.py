"""Whether who presents a token is who it was issued to (RFC 7800 section 3.1)."""

import hmac

from authority_queries.records import VerifiedToken


def is_confirmed(
    token: VerifiedToken, *, jkt: str | None = None, x5t_s256: str | None = None
) -> bool:
    """Tell whether a live token may be used with what its presenter has proved.

    `jkt` is the JWK SHA-256 thumbprint of the key of a DPoP proof that was checked,
    `x5t_s256` the SHA-256 thumbprint of the client's certificate, both base64url; None:
    there was none. A token that is bound wants its own. A token that is not bound to a
    key is refused with a proof: it is a bearer token, and was not sent as one (RFC 9449
    section 7.1); a certificate may be there for other reasons (RFC 8705 section 3).
    """
    return _is_same(token.cnf_jkt, jkt) and (
        token.cnf_x5t_s256 is None or _is_same(token.cnf_x5t_s256, x5t_s256)
    )


def _is_same(bound: str | None, proved: str | None) -> bool:
    if bound is None or proved is None:
        return bound is proved
    return hmac.compare_digest(bound.encode(), proved.encode())
