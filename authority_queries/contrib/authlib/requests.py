"""Authlib's requests and errors, and those of contrib.oauth."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, Protocol, TypeAlias, runtime_checkable
from urllib.parse import parse_qs, urlsplit

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import JsonRequest, OAuth2Request

from authority_queries.contrib.oauth import (
    Answer,
    Decision,
    ErrorPage,
    ProtocolError,
    Redirect,
    Request,
)
from authority_queries.contrib.oauth._sync.endpoint import REFUSALS, refusal_of
from authority_queries.contrib.oauth.certificates import read_certificate
from authority_queries.contrib.oauth.context import Presenter
from authority_queries.contrib.oauth.requests import Parameters
from authority_queries.engine.json_types import JsonValue

# A status, a body and headers, as Authlib's grants and endpoints return them.
Response: TypeAlias = tuple[int, dict[str, JsonValue], list[tuple[str, str]]]
# A redirect.
Found: TypeAlias = tuple[int, str, list[tuple[str, str]]]
_JSON: Final = ("Content-Type", "application/json")
_FOUND: Final = 302


class RefusedError(OAuth2Error):
    """A refusal by contrib.oauth."""

    def __init__(self, refused: ProtocolError) -> None:
        status = refused.answer().status
        super().__init__(refused.description, status_code=status, error=refused.error)
        self._headers = list(refused.headers.items())

    def get_headers(self) -> list[tuple[str, str]]:
        """Return Authlib's headers, and the challenge."""
        return [*super().get_headers(), *self._headers]


class RedirectedError(OAuth2Error):
    """A refusal that the client receives, by a redirect of its browser."""

    def __init__(self, redirect: Redirect) -> None:
        query = parse_qs(urlsplit(redirect.url).query)
        super().__init__(
            query["error_description"][-1],
            error=query["error"][-1],
            redirect_uri=redirect.url,
        )

    def __call__(  # type: ignore[override]  # Authlib's own redirects have no body
        self,
        uri: str | None = None,  # noqa: ARG002
    ) -> Found:
        """Return the redirect as contrib.oauth made it, with its `iss`."""
        return _FOUND, "", [("Location", self.redirect_uri)]


def page_error(page: ErrorPage) -> RefusedError:
    """Return the error of a request that must not be redirected."""
    return RefusedError(ProtocolError(page.error, page.description))


def refused(decision: Decision) -> Exception:
    """Return the error of a request for authorization that is refused."""
    if isinstance(decision, Redirect):
        return RedirectedError(decision)
    assert isinstance(decision, ErrorPage)  # noqa: S101 -- begin returns no other
    return page_error(decision)


def query_of(request: OAuth2Request) -> list[tuple[str, str]]:
    """Return the parameters of a request for authorization, of its URL and form."""
    payload = request.payload
    lists = {} if payload is None else payload.datalist
    return [(name, value) for name, values in lists.items() for value in values]


@contextmanager
def translated() -> Iterator[None]:
    """Raise refusals of contrib.oauth as errors of Authlib."""
    try:
        yield
    except REFUSALS as error:
        raise RefusedError(refusal_of(error)) from None


@runtime_checkable
class _Lists(Protocol):
    """Parameters of Werkzeug and of Django: a name has several values."""

    def lists(self) -> Iterable[tuple[str, Sequence[str]]]: ...


def read(
    request: OAuth2Request, issuer: str, certificate_header: str | None
) -> Request:
    """Return a request with the scheme and host of the issuer.

    A POST has only the parameters of its form.
    """
    given = request.form if request.method == "POST" else request.args
    return Request(
        method=request.method,
        url=_url(request.uri, issuer),
        parameters=_pairs(given),
        headers=_headers(request),
        certificate=_certificate(request, certificate_header),
    )


def read_document(
    request: JsonRequest, body: bytes, issuer: str, certificate_header: str | None
) -> Request:
    """Return a request with a JSON body, or without a body."""
    return Request(
        method=request.method,
        url=_url(request.uri, issuer),
        headers=_headers(request),
        certificate=_certificate(request, certificate_header),
        body=body,
    )


def used_method(request: Request, presenter: Presenter) -> str:
    """Return how a client has authenticated, by the name of RFC 7591."""
    if request.basic() is not None:
        return "client_secret_basic"
    parameters = Parameters(request.parameters)
    if parameters.get("client_assertion") is not None:
        return "private_key_jwt"
    if parameters.get("client_secret") is not None:
        return "client_secret_post"
    return "self_signed_tls_client_auth" if presenter.is_authenticated else "none"


def respond(answer: Answer) -> Response:
    """Return the response of an answer."""
    headers = [_JSON, *answer.headers.items()]
    return answer.status, dict(answer.body or {}), headers


def _url(uri: str, issuer: str) -> str:
    parts = urlsplit(issuer)
    return f"{parts.scheme}://{parts.netloc}{urlsplit(uri).path}"


def _headers(request: OAuth2Request | JsonRequest) -> list[tuple[str, str]]:
    return list((request.headers or {}).items())


def _pairs(given: object) -> list[tuple[str, str]]:
    if isinstance(given, _Lists):
        return [(name, value) for name, values in given.lists() for value in values]
    if isinstance(given, Mapping):
        return [(str(name), str(value)) for name, value in given.items()]
    return []


def _certificate(
    request: OAuth2Request | JsonRequest, header: str | None
) -> bytes | None:
    value = None if header is None else (request.headers or {}).get(header)
    return read_certificate(value) if value else None
