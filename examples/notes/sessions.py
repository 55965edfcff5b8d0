"""The application's own sessions, which the issuer can end."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Session:
    """A person who has signed in, and the tokens with which to call the API.

    `subject` and `sid` are unique at one issuer, and may repeat at another.
    """

    issuer: str
    subject: str
    sid: str
    name: str
    tokens: Mapping[str, Any] = field(repr=False)


class Sessions:
    """Sessions in memory. Several processes need a table or a shared cache."""

    def __init__(self) -> None:
        self.by_id: dict[str, Session] = {}

    def start(self, session: Session) -> str:
        """Keep a session. Return its id, which only the person's browser knows."""
        session_id = secrets.token_urlsafe(32)
        self.by_id[session_id] = session
        return session_id

    def get(self, session_id: str | None) -> Session | None:
        """Return a living session."""
        return self.by_id.get(session_id or "")

    def end(self, session_id: str | None) -> Session | None:
        """End a session, and return it."""
        return self.by_id.pop(session_id or "", None)

    def end_all(self, issuer: str, *, sid: str | None, subject: str | None) -> None:
        """End the session that a notice names, or all sessions of a person."""
        for session_id, each in list(self.by_id.items()):
            is_named = each.sid == sid if sid else each.subject == subject
            if each.issuer == issuer and is_named:
                del self.by_id[session_id]

    async def renew(
        self, _: str, tokens: Mapping[str, Any], refresh_token: str, **__: object
    ) -> None:
        """Keep the tokens of a refresh. Authlib calls it, also with the client's name.

        If the answer to a refresh has no ID token, that of the sign-in stays.
        """
        for each in self.by_id.values():
            if each.tokens.get("refresh_token") == refresh_token:
                each.tokens = {**each.tokens, **tokens}
