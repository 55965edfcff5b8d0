"""Sessions of the store as `request.user`."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.middleware.csrf import rotate_token
from django.utils.functional import SimpleLazyObject

from authority_queries.contrib.django.configuration import (
    address_of,
    cookie_name,
    is_tls,
    provider_for,
)
from authority_queries.contrib.django.users import Anonymous, StoreUser
from authority_queries.contrib.oauth import Provider


class SessionMiddleware:
    """Sets `request.user` by the cookie of a session, when it is first used."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request."""
        request.user = SimpleLazyObject(lambda: _user_of(request))  # type: ignore[assignment]  # no model
        return self._get_response(request)


def sign_in(
    request: HttpRequest,
    response: HttpResponseBase,
    user: object,
    *,
    acr: str | None = None,
) -> bool:
    """Start a session for what `authenticate` returned, and set its cookie: a new one.

    The browser's own session goes on, or ends if it is another user's.
    Return False for None, for a user of another backend, and for one who became
    inactive meanwhile. Django's `login` needs a table of users: call this instead.
    """
    if not isinstance(user, StoreUser) or user.passed is None:
        return False
    provider = provider_for(request)
    cookie = provider.sign_in.start(
        user.passed,
        acr=acr,
        address=address_of(request),
        user_agent=request.headers.get("user-agent"),
        cookie=request.COOKIES.get(cookie_name(provider)),
    )
    if cookie is None:
        return False
    rotate_token(request)
    _set_cookie(provider, response, cookie)
    request.user = user  # type: ignore[assignment]  # no model
    return True


def sign_out(request: HttpRequest, response: HttpResponseBase) -> None:
    """End the session of the request, queue its notices, and delete the cookie."""
    provider = provider_for(request)
    session = provider.session(request.COOKIES.get(cookie_name(provider)))
    if session is not None:
        provider.logout.end_session(session)
    _set_cookie(provider, response, "", max_age=0)
    request.user = Anonymous()  # type: ignore[assignment]  # no model


def _set_cookie(
    provider: Provider,
    response: HttpResponseBase,
    value: str,
    max_age: int | None = None,
) -> None:
    response.set_cookie(
        cookie_name(provider),
        value,
        max_age=max_age,
        secure=is_tls(provider),
        httponly=True,
        samesite="Lax",
    )


def _user_of(request: HttpRequest) -> StoreUser | Anonymous:
    provider = provider_for(request)
    session = provider.session(request.COOKIES.get(cookie_name(provider)))
    if session is None:
        return Anonymous()
    return StoreUser(provider, session.user_id, session.username)
