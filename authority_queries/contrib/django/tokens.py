"""Views that require an access token."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from authority_queries.contrib.django.configuration import provider_for, read
from authority_queries.contrib.django.users import Anonymous, StoreUser
from authority_queries.contrib.oauth import ProtocolError

_Arguments = ParamSpec("_Arguments")
_View = Callable[Concatenate[HttpRequest, _Arguments], HttpResponseBase]


def token_required(
    *scopes: str, resource: str | None = None
) -> Callable[[_View[_Arguments]], _View[_Arguments]]:
    """Require a live token with these scopes, for this resource (RFC 8707).

    `request.token` is the token, and `request.user` its user. A bound token must come
    with its DPoP proof or its certificate. The view ignores cookies, so it needs no
    CSRF token.
    """

    def decorate(view: _View[_Arguments]) -> _View[_Arguments]:
        @wraps(view)
        def checked(
            request: HttpRequest,
            /,
            *args: _Arguments.args,
            **kwargs: _Arguments.kwargs,
        ) -> HttpResponseBase:
            provider = provider_for(request)
            try:
                read_request = read(request, provider.settings.issuer)
                with provider.unit() as store:
                    token = provider.userinfo.verify(
                        store, read_request, *scopes, resource=resource
                    )
            except ProtocolError as error:
                return _refuse(error)
            user: StoreUser | Anonymous = Anonymous()
            if token.user_id is not None:
                user = StoreUser(provider, token.user_id, token.username or "")
            request.user = user  # type: ignore[assignment]  # no model
            request.token = token  # type: ignore[attr-defined]  # as documented
            return view(request, *args, **kwargs)

        checked.csrf_exempt = True  # type: ignore[attr-defined]  # as Django's decorator
        return checked

    return decorate


def _refuse(error: ProtocolError) -> HttpResponseBase:
    answer = error.answer()
    return JsonResponse(
        dict(answer.body or {}), status=answer.status, headers=dict(answer.headers)
    )
