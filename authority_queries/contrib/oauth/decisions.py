"""What a browser sees next."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit
from uuid import UUID

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


@dataclass(frozen=True, slots=True, kw_only=True)
class AskSignOut:
    """Ask the person whether to sign out, then call `end_session`."""

    session: LiveSession
    redirect: Redirect | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOut:
    """The session is over, or there was none. Forget the cookie, and go on.

    With `frames`, first show a page that loads these URIs in frames.
    """

    redirect: Redirect | None
    frames: Sequence[str] = ()


def frame_of(uri: str, issuer: str, sid: UUID) -> str:
    """Return the URI of a frame (OpenID Connect Front-Channel Logout section 3)."""
    separator = "&" if urlsplit(uri).query else "?"
    return f"{uri}{separator}{urlencode({'iss': issuer, 'sid': str(sid)})}"
