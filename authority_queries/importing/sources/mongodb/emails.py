"""Confirmed addresses that several users of ASP.NET Core Identity have."""

import string
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from typing import Final

from authority_queries.importing.conversions import ConversionError, boolean
from authority_queries.importing.sources.fields import normalized
from authority_queries.importing.sources.mongodb.reading import RawDocument

# The names of the fields, also by the driver's convention for small first letters.
EMAIL_FIELDS: Final = ("Email", "email", "EmailConfirmed", "emailConfirmed")
# Only ASCII letters, as in users.email_key.
_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def first_owners(read: Callable[[], Iterator[RawDocument]]) -> Mapping[bytes, str]:
    """Return who is the first user of each confirmed address that several users have.

    Here only one user of a tenant has verified an address. `read` reads all users. It
    is called again only if there are such addresses.
    """
    seen: set[bytes] = set()
    shared: set[bytes] = set()
    for digest, _ in _confirmed(read()):
        (shared if digest in seen else seen).add(digest)
    owners: dict[bytes, str] = {}
    for digest, key in _confirmed(read()) if shared else ():
        if digest in shared:
            owners.setdefault(digest, key)
    return owners


def address_digest(address: str) -> bytes:
    """Return the key of an address, the same for small letters and capitals."""
    lower = address.translate(_LOWER).encode("utf-8", "replace")
    return blake2b(lower, digest_size=16).digest()


def _confirmed(documents: Iterator[RawDocument]) -> Iterator[tuple[bytes, str]]:
    for document in documents:
        found = {normalized(name): value for name, value in document.items()}
        address = found.get("email")
        try:
            confirmed = boolean(found.get("emailconfirmed") or False)
        except ConversionError:
            continue  # the user is refused with this reason
        if confirmed and isinstance(address, str):
            yield address_digest(address), str(document["_id"])
