"""PKCE code challenges (RFC 7636)."""

import base64
import hashlib
import re
from typing import Final

from authority_queries.engine.checks import optional, text

_verifier: Final = optional(text())
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def code_challenge_of(value: object) -> str | None:
    """Return the code challenge of a code verifier, method S256 (RFC 7636 section 4.2).

    The verifier is a secret and is never sent to PostgreSQL. A verifier that section
    4.1 does not allow has the empty challenge, which no authorization code has. None
    has None. Raises InvalidArgumentError for a value that is no text.
    """
    code_verifier = _verifier("code_verifier", value)
    if code_verifier is None:
        return None
    if not _VERIFIER.fullmatch(code_verifier):
        return ""
    digest = hashlib.sha256(code_verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")
