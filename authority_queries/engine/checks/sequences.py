"""Checks of sequences and of composite values."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeGuard, TypeVar

from authority_queries.engine.checks.scalars import Check, text
from authority_queries.engine.errors import InvalidArgumentError
from authority_queries.engine.refusals import refusal, wrong_type

Sent = TypeVar("Sent")
Row = TypeVar("Row", bound=tuple[Any, ...])

_MAX_ELEMENTS: Final = 10_000
_MAX_SCOPES: Final = 100
_MAX_RESOURCES: Final = 100
_LONGEST_RESOURCE: Final = 2048
_RESOURCE: Final = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*:(?:[]A-Za-z0-9._~:/?@!$&'()*+,;=[-]|%[0-9A-Fa-f]{2})+"
)
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,255}")


def array(element: Check[Sent], most: int = _MAX_ELEMENTS) -> Check[list[Sent]]:
    """Return the check of a sequence. It returns a list: psycopg sends no other."""

    def check(name: str, value: object) -> list[Sent]:
        if not isinstance(value, list | tuple) and not _is_sequence(value):
            raise wrong_type(name, "a sequence", value)
        if len(value) > most:
            raise refusal(name, f"must have at most {most} elements")
        try:
            return [element(name, each) for each in value]
        except InvalidArgumentError as error:
            message = f"an element of {error}"
            raise InvalidArgumentError(message, argument=name) from None

    return check


def _is_sequence(value: object) -> TypeGuard[Sequence[object]]:
    # A str would become an array of its characters.
    is_text = isinstance(value, str | bytes | bytearray | memoryview)
    return isinstance(value, Sequence) and not is_text


def composite(type_: type[Row], /, **fields: Check[object]) -> Check[Row]:
    """Make the check of a composite value from the checks of its fields, in order.

    Returns a tuple of what is sent: psycopg chooses how to send a field by the class of
    its value. Any field can be None: PostgreSQL has no composite type without nulls.
    """
    make: Callable[..., Row] = type_

    def check(name: str, value: object) -> Row:
        if not isinstance(value, type_):
            raise wrong_type(name, f"a {type_.__name__}", value)
        items = zip(fields.items(), value, strict=True)
        try:
            return make(
                *(
                    None if item is None else field(f"{name}.{key}", item)
                    for (key, field), item in items
                )
            )
        except InvalidArgumentError as error:
            raise InvalidArgumentError(str(error), argument=name) from None

    return check


def text_list(most: int, longest: int) -> Check[list[str]]:
    """Return the check of distinct texts that are not empty."""
    texts = array(text(1, longest), most)

    def check(name: str, value: object) -> list[str]:
        found = texts(name, value)
        if len({*found}) < len(found):
            raise refusal(name, "must not contain an element twice")
        return found

    return check


_texts: Final = array(text())


def scope_list(name: str, value: object) -> list[str]:
    """Check scopes (RFC 6749 section 3.3), and drop duplicates."""
    scopes = [*dict.fromkeys(_texts(name, value))]
    if len(scopes) > _MAX_SCOPES:
        raise refusal(name, f"must have at most {_MAX_SCOPES} scopes")
    if not all(_SCOPE.fullmatch(scope) for scope in scopes):
        message = "must hold scope-tokens (RFC 6749 section 3.3) of 1 to 255 characters"
        raise refusal(name, message)
    return scopes


def resource_list(name: str, value: object) -> list[str]:
    """Check resources (RFC 8707 section 2), and drop duplicates."""
    resources = [*dict.fromkeys(_texts(name, value))]
    if len(resources) > _MAX_RESOURCES:
        raise refusal(name, f"must have at most {_MAX_RESOURCES} resources")
    if not all(
        len(resource) <= _LONGEST_RESOURCE and _RESOURCE.fullmatch(resource)
        for resource in resources
    ):
        message = (
            "must hold absolute URIs without a fragment (RFC 8707 section 2) of up to "
            f"{_LONGEST_RESOURCE} characters"
        )
        raise refusal(name, message)
    return resources
