"""The fields of a document, each of which is converted, kept or dropped with a reason.

Stores write the same field as `ClientId`, `client_id` or `clientId`. A name here is in
small letters without underscores.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar
from uuid import UUID

from pydantic import JsonValue, ValidationError

from authority_queries.importing.conversions import (
    ConversionError,
    boolean,
    json_object,
    parsed_json,
    plain_json,
)
from authority_queries.importing.documents import Document, Dropped, derive_id
from authority_queries.importing.entries import AnyEntry
from authority_queries.importing.sources.keeping import keep

T = TypeVar("T")
D = TypeVar("D")

_LEFT: Final = "left"
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# An absolute URI without a fragment (RFC 8707 section 2). The function
# authority.is_resource_list has the same rule.
_RESOURCE: Final = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*:"
    r"(?:[]A-Za-z0-9._~:/?@!$&'()*+,;=[-]|%[0-9A-Fa-f]{2})+"
)


class SkippedError(Exception):
    """A document has no place here by design. The message is the reason."""


class Fields:
    """The fields of a document. Each is taken once; `rest` returns the others.

    A field without a value (None) is absent. `dropped` grows with each field that is
    taken and has no place here.
    """

    def __init__(self, document: Mapping[str, object]) -> None:
        self._values: dict[str, tuple[str, object]] = {}
        for name, value in document.items():
            key = normalized(name)
            if value is not None:
                self._values[name if key in self._values else key] = name, value
        self.dropped: list[Dropped] = []

    def take(self, name: str, convert: Callable[[object], T], otherwise: D) -> T | D:
        """Return a field's converted value, or `otherwise` if it is absent.

        Raises ConversionError.
        """
        return self.need(name, convert) if name in self._values else otherwise

    def need(self, name: str, convert: Callable[[object], T]) -> T:
        """Return a field's converted value. Raises ConversionError if it is absent."""
        original, value = self._values.pop(name, (name, None))
        if value is None:
            message = f"{name} is missing"
            raise ConversionError(message)
        try:
            return convert(value)
        except ConversionError as error:
            message = f"{original} {error}"
            raise ConversionError(message) from None

    def attempt(self, name: str, convert: Callable[[object], T], otherwise: D) -> T | D:
        """Return a field's converted value, or drop a value that is no such value."""
        original, _ = self._values.get(name, (name, None))
        try:
            return self.take(name, convert, otherwise)
        except ConversionError as error:
            reason = str(error).removeprefix(f"{original} ")
            self.note(original, reason)
            return otherwise

    def flag(self, name: str, *, otherwise: bool = False) -> bool:
        """Return a boolean field. Raises ConversionError."""
        return self.take(name, boolean, otherwise)

    def put_back(self, name: str, value: JsonValue) -> None:
        """Add a field, so that it is kept with those that are left."""
        self._values[normalized(name)] = name, value

    def drop(self, reason: str, *names: str) -> None:
        """Drop these fields, if they have values."""
        for name in names:
            if name in self._values:
                original, _ = self._values.pop(name)
                self.note(original, reason)

    def note(self, field: str, reason: str) -> None:
        """Record that a field has no place here."""
        self.dropped.append(Dropped(field=field, reason=reason))

    def parts(self, name: str) -> "list[Fields]":
        """Take a field that is a list of documents, such as the claims of a user.

        What is dropped of them is dropped as `claims.ClaimType`.
        """
        original, value = self._values.pop(name, (name, ()))
        if isinstance(value, str):
            value = parsed_json(value)
        if not isinstance(value, Sequence) or not all(
            isinstance(part, Mapping) for part in value
        ):
            message = f"{original} is no list of documents"
            raise ConversionError(message)
        return [_Part(part, original, self) for part in value]

    def part(self, name: str) -> "Fields | None":
        """Take a field that is a document, whose dropped fields are this one's too."""
        if name not in self._values:
            return None
        original, value = self._values.pop(name)
        return _Part(json_object(value), original, self)

    def has(self, name: str) -> bool:
        """Return whether a field has a value that is not taken yet."""
        return name in self._values

    def report(self, path: str, *inner: "Fields") -> None:
        """Add what was dropped of objects inside, after the path to them."""
        self.dropped += (
            Dropped(field=f"{path}.{each.field}", reason=each.reason)
            for part in inner
            for each in part.dropped
        )

    def rest(self) -> dict[str, JsonValue]:
        """Take all fields that are left, as JSON under their own names."""
        left = dict(self._values.values())
        self._values.clear()
        return {name: plain_json(value) for name, value in left.items()}

    def drop_rest(self) -> None:
        """Drop all fields that are left, for an entry without a place for them."""
        self.drop("unknown field", *list(self._values))

    def kept_in(self, properties: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Return an open object of the document with all fields that are left.

        A field of the same name as one of the object's is dropped, and so is one whose
        name is that of a secret (`keeping`).
        """
        taken = [key for key, (name, _) in self._values.items() if name in properties]
        self.drop("the object of properties has the same name", *taken)
        hidden: list[Dropped] = []
        left = keep(_LEFT, self.rest(), hidden).get(_LEFT, {})
        for each in hidden:
            self.note(each.field, each.reason)
        return {**(left if isinstance(left, dict) else {}), **properties}


class _Part(Fields):
    """A document inside another one, whose dropped fields are fields of that one."""

    def __init__(
        self, document: Mapping[str, object], name: str, whole: Fields
    ) -> None:
        super().__init__(document)
        self._name = name
        self._whole = whole

    def note(self, field: str, reason: str) -> None:
        self._whole.note(f"{self._name}.{field}", reason)


def normalized(name: str) -> str:
    """Return the name by which `Fields` knows a field."""
    return name.replace("_", "").lower()


def field_of(document: Mapping[str, object], name: str) -> object:
    """Return a field of a document by its normalized name, or None."""
    return next((document[each] for each in document if normalized(each) == name), None)


def uuid_of(key: str) -> UUID | None:
    """Return a key that is a UUID. None means an id that is derived here."""
    return UUID(key) if _UUID.fullmatch(key) else None


def id_of(tenant: str, kind: str, key: str) -> UUID:
    """Return a key that is a UUID, or the id that is derived from it."""
    return uuid_of(key) or derive_id(tenant, kind, key)


def texts(value: object) -> dict[str, str]:
    """Convert a JSON object of texts. Raises ConversionError."""
    found = json_object(value)
    if not all(isinstance(text, str) for text in found.values()):
        message = "is no object of texts"
        raise ConversionError(message)
    return {name: str(text) for name, text in found.items()}


def is_resource(name: str) -> bool:
    """Return whether a name is a resource of RFC 8707."""
    return _RESOURCE.fullmatch(name) is not None


def document_of(
    fields: Fields,
    convert: Callable[[Fields], Iterable[AnyEntry]],
    *,
    key: str,
    position: JsonValue,
    tenant: str | None = None,
) -> Document:
    """Convert a document. A field that `convert` does not take is dropped as unknown.

    `key` is the id of the document in the other store.
    """
    refused = None
    try:
        entries = tuple(convert(fields))
        fields.drop_rest()
    except SkippedError as error:
        entries, fields.dropped = (), [Dropped(field="*", reason=str(error))]
    except ConversionError as error:
        entries, refused = (), str(error)
    except ValidationError as error:
        entries, refused = (), _reasons(error)
    return Document(
        id=key,
        position=position,
        tenant=tenant,
        entries=entries,
        dropped=() if refused else tuple(fields.dropped),
        refused=refused,
    )


def _reasons(error: ValidationError) -> str:
    """Return what is wrong with an entry, without its values."""
    return "; ".join(
        f"{'.'.join(map(str, found['loc']))}: {found['msg']}"
        for found in error.errors(include_url=False, include_input=False)
    )
