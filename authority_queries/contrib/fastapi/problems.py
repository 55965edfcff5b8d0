"""Responses to errors of the store."""

from collections.abc import Mapping
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from authority_queries.contrib.oauth import ProtocolError
from authority_queries.errors import (
    AuthorityError,
    InvalidArgumentError,
    InvalidValueError,
    NotFoundError,
    ReplicaLagError,
    RetryableError,
    TenantInactiveError,
    UnavailableError,
)

_STATUS: Final[Mapping[type[AuthorityError], int]] = {
    UnavailableError: 503,
    RetryableError: 503,
    ReplicaLagError: 503,
    TenantInactiveError: 403,
    NotFoundError: 404,
    InvalidArgumentError: 422,
    InvalidValueError: 422,
}
_TITLES: Final[Mapping[int, str]] = {
    403: "Forbidden",
    404: "Not found",
    422: "A value is not valid",
    500: "Internal error",
    503: "Unavailable",
}
_RETRY_AFTER: Final = "1"
_UNAVAILABLE: Final = 503


def add_problem_handlers(app: Starlette) -> None:
    """Answer errors of the store as problem details (RFC 9457), without their text.

    The text of an error is for logs. An argument's name is in the detail.
    """
    app.add_exception_handler(AuthorityError, _answer)


async def _answer(_: Request, error: Exception) -> Response:
    if isinstance(error, ProtocolError):
        answer = error.answer()
        return JSONResponse(
            answer.body, status_code=answer.status, headers=dict(answer.headers)
        )
    status = next(
        (_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500
    )
    problem: dict[str, str | int] = {"title": _TITLES[status], "status": status}
    if isinstance(error, InvalidArgumentError | InvalidValueError) and error.argument:
        problem["detail"] = f"{error.argument} is not valid"
    headers = {"retry-after": _RETRY_AFTER} if status == _UNAVAILABLE else {}
    return JSONResponse(
        problem,
        status_code=status,
        headers=headers,
        media_type="application/problem+json",
    )
