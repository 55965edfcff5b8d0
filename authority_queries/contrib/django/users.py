"""The classes of `request.user`."""

from collections.abc import Iterable
from functools import cached_property
from typing import Final
from uuid import UUID

from authority_queries.contrib.oauth import Passed, Provider

_MOST: Final = 1000


class StoreUser:
    """A user of the store, as views and templates of Django expect one.

    Django's database has no table of users. `authenticate` sets `passed`, for
    `sign_in`.
    """

    is_authenticated: Final = True
    is_anonymous: Final = False
    is_active: Final = True
    is_staff: Final = False
    is_superuser: Final = False
    # `authenticate` of Django sets the path of the backend.
    backend: str = ""

    def __init__(
        self,
        provider: Provider,
        user_id: UUID,
        username: str,
        *,
        passed: Passed | None = None,
    ) -> None:
        self._provider = provider
        self.id = self.pk = user_id
        self.username = username
        self.passed = passed

    def __str__(self) -> str:
        return self.username

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StoreUser) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def get_username(self) -> str:
        """Return the username."""
        return self.username

    @cached_property
    def permissions(self) -> frozenset[str]:
        """The permissions of all roles that the user holds now, read once."""
        names: list[str] = []
        after: str | None = None
        with self._provider.unit() as store:
            while True:
                page = store.roles.list_user_permissions(
                    tenant_id=self._provider.tenant_id,
                    user_id=self.id,
                    after=after,
                    page_size=_MOST,
                )
                names += [permission.name for permission in page.items]
                if (after := page.next) is None:
                    return frozenset(names)

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Return whether a role of the user has the permission, for any object."""
        return obj is None and perm in self.permissions

    def has_perms(self, perm_list: Iterable[str], obj: object = None) -> bool:
        """Return whether the user has all permissions."""
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, module: str) -> bool:
        """Return whether the user has a permission of this prefix (`users:…`)."""
        return any(name.startswith(f"{module}:") for name in self.permissions)


class Anonymous:
    """Nobody has signed in."""

    is_authenticated: Final = False
    is_anonymous: Final = True
    is_active: Final = False
    is_staff: Final = False
    is_superuser: Final = False
    id: Final = None
    pk: Final = None
    username: Final = ""

    def __str__(self) -> str:
        return "anonymous"

    def get_username(self) -> str:
        """Return an empty text."""
        return ""

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Return False."""
        del perm, obj
        return False

    def has_perms(self, perm_list: Iterable[str], obj: object = None) -> bool:
        """Return whether the list is empty."""
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, module: str) -> bool:
        """Return False."""
        del module
        return False
