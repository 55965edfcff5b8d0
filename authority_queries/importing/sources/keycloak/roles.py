"""Roles and groups of a realm. Roles contain no roles here: users get each of them."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Final, TypeAlias

from pydantic import JsonValue

from authority_queries.importing.conversions import ConversionError, text, uuid
from authority_queries.importing.documents import Dropped
from authority_queries.importing.entries import AnyEntry, RoleEntry
from authority_queries.importing.sources.fields import Fields, SkippedError
from authority_queries.importing.sources.keycloak.realms import Realm
from authority_queries.importing.sources.role_names import role_name

# The client of a role, "" for a role of the realm, and its name.
RoleKey: TypeAlias = tuple[str, str]
_REALM: Final = ""
_OWN: Final = "a role of a client of Keycloak itself"


class Roles:
    """The roles of a realm by client and name, what they contain, and its groups."""

    def __init__(self, realm: Realm) -> None:
        self._realm = realm
        self._names: dict[RoleKey, str] = {}
        self._parts: dict[RoleKey, list[RoleKey]] = {}
        self._groups: dict[str, list[RoleKey]] = {}
        for key, role in declared(realm):
            composites = role.get("composites")
            self._parts[key] = list(_keys(composites, "realm", "client"))
            # A name that cannot be stored is refused where it is used.
            with suppress(ConversionError):
                ours = role_name(_full(key))
                taken = ours in self._names.values()
                self._names[key] = _marked(ours, key) if taken else ours
        for group in realm.objects("groups"):
            self._add_group(group, "", [])

    def name_of(self, key: RoleKey) -> str:
        """Return the name of a role here, also of one that the realm does not list."""
        if key in self._names:
            return self._names[key]
        ours = role_name(_full(key))
        return ours if ours == _full(key) else _marked(ours, key)

    def is_declared(self, key: RoleKey) -> bool:
        """Return whether the realm lists this role."""
        return key in self._names

    def of_user(
        self, user: Mapping[str, JsonValue]
    ) -> tuple[list[RoleKey], list[RoleKey]]:
        """Return all roles of a user: own ones, of groups, and those inside them.

        The second list has those of Keycloak's own clients.
        """
        direct = list(_keys(user, "realmRoles", "clientRoles"))
        groups = user.get("groups")
        for path in groups if isinstance(groups, list) else ():
            direct += self._groups.get(str(path), [])
        found: dict[RoleKey, None] = {}
        while direct:
            key = direct.pop()
            if key not in found:
                found[key] = None
                direct += self._parts.get(key, [])
        own = [key for key in found if self._realm.is_own_client(key[0])]
        return [key for key in found if key not in own], own

    def _add_group(
        self, group: Mapping[str, JsonValue], parent: str, inherited: list[RoleKey]
    ) -> None:
        path = f"{parent}/{group.get('name')}"
        roles = inherited + list(_keys(group, "realmRoles", "clientRoles"))
        self._groups[str(group.get("path") or path)] = roles
        inner = group.get("subGroups")
        for each in inner if isinstance(inner, list) else ():
            if isinstance(each, dict):
                self._add_group(each, path, roles)


def declared(realm: Realm) -> Iterator[tuple[RoleKey, Mapping[str, JsonValue]]]:
    """Yield the roles that a realm lists."""
    roles = realm.fields.get("roles")
    if not isinstance(roles, dict):
        return
    for client, listed in (
        (_REALM, roles.get("realm")),
        *_members(roles.get("client") or roles.get("application")),
    ):
        for role in listed if isinstance(listed, list) else ():
            if isinstance(role, dict):
                yield (client, str(role.get("name"))), role


def role_entries(
    fields: Fields, key: RoleKey, realm: Realm, roles: Roles
) -> list[AnyEntry]:
    """Convert a role."""
    if realm.is_own_client(key[0]):
        raise SkippedError(_OWN)
    fields.drop("each user gets the roles inside it", "composite", "composites")
    fields.drop("roles have no attributes", "attributes")
    fields.drop("known from the list that has it", "clientrole", "containerid")
    name = roles.name_of(key)
    fields.need("name", text)
    if name != _full(key):
        fields.dropped.append(Dropped(field="name", reason=f"imported as {name}"))
    return [
        RoleEntry(
            id=fields.take("id", uuid, None),
            name=name,
            description=fields.take("description", text, ""),
        )
    ]


def undeclared(keys: Iterable[RoleKey], roles: Roles) -> list[AnyEntry]:
    """Return the roles that the realm does not list. Keycloak creates them too."""
    return [
        RoleEntry(name=roles.name_of(key)) for key in keys if not roles.is_declared(key)
    ]


def _keys(
    holder: JsonValue | Mapping[str, JsonValue], *names: str
) -> Iterator[RoleKey]:
    """Yield the roles that an object names by realm and by client."""
    if not isinstance(holder, Mapping):
        return
    of_realm, of_clients = (holder.get(name) for name in names)
    for client, listed in ((_REALM, of_realm), *_members(of_clients)):
        for name in listed if isinstance(listed, list) else ():
            yield client, str(name)


def _members(value: JsonValue) -> list[tuple[str, JsonValue]]:
    return list(value.items()) if isinstance(value, dict) else []


def _full(key: RoleKey) -> str:
    client, name = key
    return f"{client}:{name}" if client else name


def _marked(ours: str, key: RoleKey) -> str:
    """Return a name that tells a role from another one whose name differs in case."""
    return f"{ours}-{hashlib.sha256(_full(key).encode()).hexdigest()[:8]}"
