"""Users and groups of Django."""

from collections.abc import Iterator
from typing import Final

from authority_queries.importing.conversions import (
    ConversionError,
    email,
    moment,
    password_hash,
    text,
    text_list,
)
from authority_queries.importing.entries import (
    AnyEntry,
    RoleEntry,
    UserEntry,
    UserRoleEntry,
)
from authority_queries.importing.sources.fields import Fields, uuid_of
from authority_queries.importing.sources.role_names import role_name

_UNUSABLE: Final = "!"  # begins the password of a user who has none
_PERMISSION: Final = "permissions of Django name its models"


def convert_group(fields: Fields) -> Iterator[AnyEntry]:
    """Convert a group to a role. `permissions` are a list of links."""
    fields.take("id", text, None)
    fields.drop(_PERMISSION, "permissions")
    original = fields.need("name", text)
    name = role_name(original)
    yield RoleEntry(name=name, description="" if name == original else original)


def convert_user(fields: Fields, *, key: str, column: str) -> Iterator[AnyEntry]:
    """Convert a user, whose sub is the primary key, as in the ID tokens.

    `key` is its value and `column` its name.
    `groups` is a list of names of groups, `permissions` a list of links. Columns that
    the application added are attributes, and so are is_staff and is_superuser: they do
    not make an administrator of the authority.
    """
    fields.take(column, text, key)
    fields.drop(_PERMISSION, "permissions")
    groups = fields.take("groups", text_list, ())
    first = fields.take("firstname", text, "")
    last = fields.take("lastname", text, "")
    address = fields.attempt("email", _email, None)
    username = fields.take("username", text, None) or address
    if username is None:
        message = "the user has neither a username nor an e-mail address"
        raise ConversionError(message)
    names = {"given_name": first, "family_name": last}
    yield UserEntry(
        id=uuid_of(key),
        subject_id=key,
        username=username,
        email=address,
        display_name=f"{first} {last}".strip(),
        password_hash=fields.attempt("password", _password_hash, None),
        status="active" if fields.flag("isactive", otherwise=True) else "suspended",
        created_at=fields.take("datejoined", moment, None),
        attributes=fields.kept_in({name: text for name, text in names.items() if text}),
    )
    for group in dict.fromkeys(map(role_name, groups)):
        yield UserRoleEntry(user=key, role=group)


def _email(value: object) -> str | None:
    return email(value) if value else None


def _password_hash(value: object) -> str | None:
    found = text(value)
    if found.startswith(_UNUSABLE) or not found:
        message = "is that of a user without a password"
        raise ConversionError(message)
    return password_hash(found)
