"""The realms of Keycloak's files: everything but their users, in memory."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

from pydantic import JsonValue

from authority_queries.errors import SourceError
from authority_queries.importing.conversions import ConversionError
from authority_queries.importing.sources.json_files import members, refuse_file
from authority_queries.importing.sources.objects import objects
from authority_queries.importing.sources.tenant_codes import tenant_code

USERS: Final = frozenset({"users", "federatedUsers"})
_OWN_CLIENTS: Final = frozenset(
    {
        "account",
        "account-console",
        "admin-cli",
        "broker",
        "realm-management",
        "security-admin-console",
    }
)
OIDC: Final = "openid-connect"
_MASTER: Final = "master"
_SUFFIX: Final = re.compile(r"-(?:realm|users-\d+|federated-users-\d+)$")


@dataclass(slots=True, kw_only=True)
class Realm:
    """A realm: its fields without users, and where the users are.

    - `code`: of its tenant.
    - `sources`: files, each with the number of the realm in it.
    """

    name: str
    code: str
    fields: dict[str, JsonValue] = field(default_factory=dict)
    sources: list[tuple[Path, int]] = field(default_factory=list)

    def objects(self, name: str) -> list[Mapping[str, JsonValue]]:
        """Return the objects of a list of the realm. Raises SourceError."""
        found = self.fields.get(name) or []
        try:
            return list(objects(found))
        except ConversionError:
            message = f"{self.sources[0][0].name} has {name} that are no objects"
            raise SourceError(message) from None

    def is_own_client(self, client_id: str) -> bool:
        """Return whether this is a client that Keycloak made for itself."""
        own = self.name == _MASTER and client_id.endswith("-realm")
        return own or client_id in _OWN_CLIENTS

    def users(self) -> Iterator[Mapping[str, JsonValue]]:
        """Yield the users, one at a time. Raises SourceError."""
        for path, number in self.sources:
            for found, name, user in members(
                path, listed=USERS, wanted=USERS.__contains__
            ):
                if found == number:
                    if not isinstance(user, dict):
                        refuse_file(path, f"has {name} that are no objects")
                    yield user

    @property
    def id(self) -> UUID | None:
        """The realm's id, if it is a UUID."""
        return as_uuid(self.fields.get("id"))


def as_uuid(value: object) -> UUID | None:
    """Return a text as a UUID, or None."""
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def read_realms(location: Path, tenant: str | None) -> list[Realm]:
    """Read a realm file, or a folder of an export. Raises SourceError."""
    realms: dict[str, Realm] = {}
    for path in _files(location):
        for number, fields in sorted(_objects(path).items()):
            name = fields.get("realm")
            if not isinstance(name, str) or not name:
                refuse_file(path, "is no file of Keycloak: it names no realm")
            realm = realms.setdefault(name, Realm(name=name, code=""))
            realm.sources.append((path, number))
            realm.fields.update(fields)
    found = [realms[name] for name in sorted(realms)]
    for realm in found:
        realm.code = tenant_code(realm.name)
    if tenant is not None:
        return [_of_tenant(found, tenant, location)]
    codes = {realm.code for realm in found}
    if len(codes) < len(found) or "" in codes:
        message = (
            f"{location.name} has realms whose names become one code of a tenant, or "
            "none: import each from a file of its own, with --tenant"
        )
        raise SourceError(message)
    return found


def _of_tenant(realms: list[Realm], tenant: str, location: Path) -> Realm:
    """Return the only realm with the code, or that which has the code already."""
    if len(realms) == 1:
        realms[0].code = tenant
        return realms[0]
    for realm in realms:
        if realm.code == tenant:
            return realm
    message = f"{location.name} has several realms, and none becomes {tenant!r}"
    raise SourceError(message)


def _objects(path: Path) -> dict[int, dict[str, JsonValue]]:
    found: dict[int, dict[str, JsonValue]] = {}
    for number, name, value in members(path, listed=USERS, wanted=_is_no_user):
        found.setdefault(number, {})[name] = value
    if not found:
        refuse_file(path, "is no file of Keycloak: it names no realm")
    return found


def _files(location: Path) -> Sequence[Path]:
    if not location.is_dir():
        return [location]
    found = sorted(location.glob("*.json"), key=_order)
    if not found:
        refuse_file(location, "has no files *.json of kc.sh export")
    return found


def _order(path: Path) -> tuple[str, bool, int]:
    """Order a realm before its users, and users-2 before users-10."""
    number = re.search(r"-(\d+)$", path.stem)
    return (
        _SUFFIX.sub("", path.stem),
        number is not None,
        int(number[1] if number else 0),
    )


def _is_no_user(name: str) -> bool:
    return name not in USERS
