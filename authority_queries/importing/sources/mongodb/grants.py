"""Data of other documents: clients, families, consents and roles.

A file has no index. Its documents are read once more, and what others need of them is
kept in memory: of families, only those with tokens that can be imported.
"""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Final, TypeAlias

from authority_queries.importing.conversions import (
    ConversionError,
    lower,
    text,
    text_list,
    utc_moment,
)
from authority_queries.importing.sources.openiddict import NEVER

_Raw: TypeAlias = Mapping[str, object]

# The fields of a token and of an authorization that are read here.
TOKEN_FIELDS: Final = ("type", "reference_id", "expiration_date", "authorization_id")
AUTHORIZATION_FIELDS: Final = (
    "application_id",
    "subject",
    "scopes",
    "status",
    "type",
    "creation_date",
)
_TYPES: Final = ("access_token", "refresh_token")
_UNKNOWN: Final = -1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)  # the precision of MongoDB


@dataclass(slots=True)
class Consent:
    """The valid permanent authorizations of a user for a client.

    `first` is the key of the one whose document becomes the consent.
    """

    first: bytes | str
    scopes: tuple[str, ...]
    made: datetime | None
    changed: datetime | None


class Grants:
    """Families by the key of their authorization, and consents by user and client."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._rows: dict[bytes | str, int] = {}
        self._expiries = array("q")
        self._scopes = array("q")
        self._lists: list[tuple[str, ...]] = []  # few different ones
        self._numbers: dict[tuple[str, ...], int] = {}
        self._consents: dict[bytes, Consent] = {}

    def add_token(self, document: _Raw) -> None:
        """Keep the expiry of a token that can be imported, for its family."""
        family = document.get("authorization_id")
        try:
            if family is None or not self._is_live(document):
                return
            expiry = _expiry(document)
        except ConversionError:
            return  # the token itself is refused with this reason
        row = self._rows.setdefault(packed(family), len(self._expiries))
        if row == len(self._expiries):
            self._expiries.append(0)
            self._scopes.append(_UNKNOWN)
        milliseconds = (expiry - _EPOCH) // _MILLISECOND
        self._expiries[row] = max(self._expiries[row], milliseconds)

    def add_authorization(self, document: _Raw, client: str | None) -> None:
        """Keep the scopes of a family, and the consent of a permanent authorization."""
        key = document.get("_id")
        try:
            scopes = self._shared(text_list(document.get("scopes") or ()))
            row = self._rows.get(packed(key))
            if row is not None:
                self._scopes[row] = self._numbers[scopes]
            if client is not None and is_consent(document, client):
                self._add_consent(document, client, scopes)
        except ConversionError:
            return  # the authorization itself is refused with this reason

    def expiry_of(self, family: object) -> datetime | None:
        """Return when the last live token of a family expires. None: it has none."""
        row = self._rows.get(packed(family))
        if row is None:
            return None
        return _EPOCH + self._expiries[row] * _MILLISECOND

    def scopes_of(self, family: object) -> tuple[str, ...] | None:
        """Return the scopes of a family with live tokens, or None if it is missing."""
        row = self._rows.get(packed(family))
        number = _UNKNOWN if row is None else self._scopes[row]
        return None if number == _UNKNOWN else self._lists[number]

    def consent_of(self, user: str, client: str) -> Consent | None:
        """Return the consent of a user for a client."""
        return self._consents.get(_digest(user, client))

    def _shared(self, scopes: tuple[str, ...]) -> tuple[str, ...]:
        """Return the list of these scopes that all families share."""
        number = self._numbers.setdefault(scopes, len(self._lists))
        if number == len(self._lists):
            self._lists.append(scopes)
        return self._lists[number]

    def _is_live(self, document: _Raw) -> bool:
        kind = text(document.get("type", "")).rpartition(":")[2].lower()
        return (
            kind in _TYPES
            and document.get("reference_id") is not None
            and _expiry(document) > self._now
        )

    def _add_consent(
        self, document: _Raw, client: str, scopes: tuple[str, ...]
    ) -> None:
        made = _moment(document.get("creation_date"))
        digest = _digest(text(document["subject"]), client)
        found = self._consents.setdefault(
            digest, Consent(packed(document["_id"]), scopes, made, made)
        )
        found.scopes = self._shared(tuple(dict.fromkeys((*found.scopes, *scopes))))
        if made is not None:
            found.made = min(made, found.made or made)
            found.changed = max(made, found.changed or made)


def is_consent(document: _Raw, client: str) -> bool:
    """Return whether an authorization is a consent. Raises ConversionError."""
    subject = document.get("subject")
    return (
        subject is not None
        and text(subject) != client
        and lower(document.get("type") or "") == "permanent"
        and lower(document.get("status") or "valid") == "valid"
    )


def _expiry(document: _Raw) -> datetime:
    return _moment(document.get("expiration_date")) or NEVER


def _moment(value: object) -> datetime | None:
    return None if value is None else utc_moment(value)


def packed(key: object) -> bytes | str:
    """Return a key in half the memory of its text. Raises ConversionError."""
    octets = getattr(key, "binary", None)  # of an ObjectId; bson may not be installed
    return octets if isinstance(octets, bytes) else text(key)


def _digest(user: str, client: str) -> bytes:
    return blake2b(f"{user}\n{client}".encode(), digest_size=16).digest()
