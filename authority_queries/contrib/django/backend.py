"""Signing in by Django's `authenticate`."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from authority_queries.contrib.django.configuration import address_of, provider_for
from authority_queries.contrib.django.users import StoreUser
from authority_queries.contrib.oauth import Refused


class AuthorityBackend:
    """Checks passwords by `provider.sign_in`, which throttles and logs each attempt.

    Set `AUTHENTICATION_BACKENDS`, then call `authenticate(request, username=…,
    password=…, code=…)` and `sign_in`. A user who has a second factor needs `code`, a
    TOTP code or a recovery code.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        code: str | None = None,
    ) -> StoreUser | None:
        """Return the user, or None. Raises PermissionDenied after too many attempts.

        Django's `authenticate` then asks no other backend, and returns None.
        """
        if request is None or username is None or password is None:
            return None
        provider, address = provider_for(request), address_of(request)
        sign_in = provider.sign_in
        shown = sign_in.check(username, password, address, code=code or "")
        if isinstance(shown, Refused):
            if shown.retry_after is not None:
                raise PermissionDenied
            return None
        return StoreUser(provider, shown.user_id, shown.username, passed=shown)

    def get_user(self, user_id: object) -> None:
        """Return None: sessions are the store's, and `SessionMiddleware` reads them."""
        del user_id
