"""Answers of endpoints, and their refusals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from authority_queries.contrib.oauth.outcomes import ErrorCode
from authority_queries.engine.json_types import JsonObject
from authority_queries.errors import AuthorityError

# RFC 6749 section 5.1.
NO_STORE: Final[Mapping[str, str]] = {"cache-control": "no-store"}
_STATUS: Final[Mapping[ErrorCode, int]] = {
    "invalid_client": 401,
    "invalid_token": 401,
    "insufficient_user_authentication": 401,
    "insufficient_scope": 403,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP response. `body` is sent as JSON; None is an empty body."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: JsonObject | None = field(default=None, repr=False)


class ProtocolError(AuthorityError):
    """The request is refused. `error` is OAuth's code for the reason.

    `description` is for the client's developer, and never repeats a value. `status` is
    the status of the response. By default it depends on the code.
    """

    def __init__(
        self,
        error: ErrorCode,
        description: str,
        *,
        headers: Mapping[str, str] | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(f"{error}: {description}")
        self.error: ErrorCode = error
        self.description = description
        self.headers = headers or {}
        self.status = status or _STATUS.get(error, 400)

    def answer(self) -> Answer:
        """Return the response (RFC 6749 section 5.2)."""
        return Answer(
            status=self.status,
            headers={**NO_STORE, **self.headers},
            body={"error": self.error, "error_description": self.description},
        )
