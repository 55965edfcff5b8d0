"""Decisions about a browser: redirects and pages."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.outcomes import ErrorCode
from authority_queries.records import LiveSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """Send the browser to this URL, with status 303."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPage:
    """Show the person an error. A redirect could go to an attacker's page."""

    error: ErrorCode
    description: str

    @classmethod
    def of(cls, error: ProtocolError) -> "ErrorPage":
        """Return the page of a refusal."""
        return cls(error=error.error, description=error.description)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskSignOut:
    """Ask the person whether to sign out, then call `end_session`."""

    session: LiveSession
    redirect: Redirect | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOut:
    """Delete the session's cookie, and redirect. There is no session any more.

    With `frames`, first show a page that loads these URIs in frames.
    """

    redirect: Redirect | None
    frames: Sequence[str] = ()
