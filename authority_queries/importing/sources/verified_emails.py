"""The verified addresses of an import: each belongs to one user of a tenant."""

import string
from typing import Final

from authority_queries.importing.conversions import boolean, email
from authority_queries.importing.documents import Dropped
from authority_queries.importing.sources.fields import Fields, normalized

# Only ASCII letters, as in users.email_key.
_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class VerifiedEmails:
    """Remembers which addresses users have verified, as 8 octets each.

    Other systems have several users with one verified address, such as one account for
    each provider. The first user keeps it as verified.
    """

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def take(self, fields: Fields, verified: str) -> dict[str, object]:
        """Convert `email` and the field that reports its verification.

        An address that is none is dropped.
        """
        address = fields.attempt("email", email, None)
        proven = fields.take(normalized(verified), boolean, otherwise=False)
        is_verified = proven and address is not None
        if address is not None and is_verified and not self._claim(address):
            reason = "another user has verified the same address"
            fields.dropped.append(Dropped(field=verified, reason=reason))
            is_verified = False
        return {"email": address, "email_verified": is_verified}

    def _claim(self, address: str) -> bool:
        key = hash(address.translate(_LOWER))
        is_new = key not in self._seen
        self._seen.add(key)
        return is_new
