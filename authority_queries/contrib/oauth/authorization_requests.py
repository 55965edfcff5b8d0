"""Requests for authorization, and what to do with the browser that sent one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.decisions import ErrorPage, Redirect
from authority_queries.contrib.oauth.outcomes import ErrorCode
from authority_queries.contrib.oauth.requests import Parameters
from authority_queries.contrib.oauth.sealing import refuse_form, seal, unseal_members
from authority_queries.contrib.oauth.settings import ProviderSettings
from authority_queries.contrib.oauth.urls import add_query
from authority_queries.engine.checks import optional, resource_list, scope_list, text
from authority_queries.engine.json_types import JsonArray
from authority_queries.engine.refusals import refusal
from authority_queries.records import Client, LiveSession

_SIGN_INS: Final = frozenset({"login", "select_account"})
_PROMPTS: Final = _SIGN_INS | {"none", "consent"}
_BOUND_TO: Final = "authorization_request"
# A person must answer within this time. A pushed request is used up at its beginning.
_LIFETIME: Final = timedelta(hours=1)
_nonce: Final = optional(text(most=2048))
_DIGEST: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_LOOPBACK_PORT: Final = re.compile(r"^(http://(?:127\.0\.0\.1|\[::1\])):\d{1,5}(?=/|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """A request that was checked, except for what the database decides at its end."""

    client_id: str
    redirect_uri: str
    received_at: datetime
    scopes: Sequence[str] = ()
    resources: Sequence[str] = ()
    authorization_details: JsonArray = ()
    state: str | None = None
    nonce: str | None = field(default=None, repr=False)
    code_challenge: str | None = None
    dpop_jkt: str | None = None
    prompts: Sequence[str] = ()
    max_age: int | None = None
    acr_values: Sequence[str] | None = None
    login_hint: str | None = field(default=None, repr=False)
    hinted_subject_id: str | None = None
    ui_locales: Sequence[str] = ()

    @property
    def required_age(self) -> timedelta | None:
        """The max_age of the sign-in.

        prompt=login and prompt=select_account require a sign-in after the request.
        """
        if not _SIGN_INS.isdisjoint(self.prompts):
            return timedelta(0)
        return None if self.max_age is None else timedelta(seconds=self.max_age)

    def has_aged(self, session: LiveSession) -> bool:
        """Return whether the sign-in is too old. The database decides again."""
        age = self.required_age
        return age is not None and session.authenticated_at + age < self.received_at

    def redirect(self, issuer: str, members: Mapping[str, str]) -> Redirect:
        """Return the redirect to the client (RFC 6749 section 4.1.2, RFC 9207)."""
        query = {**members, "iss": issuer}
        if self.state is not None:
            query["state"] = self.state
        return Redirect(url=add_query(self.redirect_uri, query))

    def refusal(self, issuer: str, error: ErrorCode, description: str) -> Redirect:
        """Return the redirect with an error (RFC 6749 section 4.1.2.1)."""
        return self.redirect(issuer, {"error": error, "error_description": description})

    def seal(self, settings: ProviderSettings, *, browser: str = "") -> str:
        """Return the request as a text that only this issuer can read, for a form.

        Only the browser that has this secret can go on with it, within an hour.
        """
        members = asdict(self) | {"received_at": self.received_at.isoformat()}
        return seal(members, _BOUND_TO, settings, browser=browser)


def unseal(
    text: str, settings: ProviderSettings, *, browser: str = ""
) -> AuthorizationRequest:
    """Return the request of a text that `seal` made. Raises ProtocolError."""
    members = dict(unseal_members(text, _BOUND_TO, settings, browser=browser))
    received_at = datetime.fromisoformat(str(members.pop("received_at")))
    if datetime.now(UTC) - received_at > _LIFETIME:
        raise refuse_form()
    try:
        return AuthorizationRequest(received_at=received_at, **members)  # type: ignore[arg-type]  # seal wrote it
    except TypeError:  # the seal of another version, which has other members
        raise refuse_form() from None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Have the person sign in, then decide again.

    `is_again`: the browser has a session, whose sign-in is too old, too weak, or of
    another person than the client's hint.
    """

    request: AuthorizationRequest
    client: Client
    is_again: bool = False

    @property
    def acr_values(self) -> Sequence[str] | None:
        """The classes of which the sign-in must have one, or None."""
        return self.request.acr_values


@dataclass(frozen=True, slots=True, kw_only=True)
class AskConsent:
    """Ask the person whether the client gets this, then consent and decide again."""

    request: AuthorizationRequest
    client: Client


Decision: TypeAlias = Redirect | ErrorPage | SignIn | AskConsent


def is_registered(client: Client, uri: str) -> bool:
    """Return whether an error may be sent to this URI.

    The port of a native application's loopback address is not compared (RFC 8252
    section 7.3). The database decides again when it issues a code.
    """
    if uri in client.redirect_uris:
        return True
    if client.application_type != "native":
        return False
    return _LOOPBACK_PORT.sub(r"\1", uri, count=1) in {
        _LOOPBACK_PORT.sub(r"\1", each, count=1) for each in client.redirect_uris
    }


def read_address(
    parameters: Parameters, client: Client, received_at: datetime
) -> AuthorizationRequest:
    """Return the part of a request that a refusal needs: where it goes.

    Refusals of all other parts are sent to the client if its redirect_uri is registered
    (RFC 6749 section 4.1.2.1). Raises ProtocolError.
    """
    given = parameters.get("redirect_uri")
    if given is None and len(client.redirect_uris) != 1:
        raise ProtocolError("invalid_request", "redirect_uri is missing")
    return AuthorizationRequest(
        client_id=client.client_id,
        redirect_uri=client.redirect_uris[0] if given is None else given,
        received_at=received_at,
        state=parameters.get("state"),
    )


def read_request(
    parameters: Parameters,
    client: Client,
    received_at: datetime,
    acr_values_supported: Sequence[str],
) -> AuthorizationRequest:
    """Return the request (RFC 6749 section 4.1.1).

    Raises ProtocolError, and InvalidArgumentError for a value that the store refuses.
    The redirect_uri is compared with the registered ones when the code is issued.
    Classes that the issuer does not support are not required (OpenID Connect Core
    section 15.1).
    """
    if parameters.get("response_mode") not in {None, "query"}:
        raise ProtocolError("invalid_request", "response_mode must be query")
    method = parameters.get("code_challenge_method") or "plain"
    challenge = parameters.get("code_challenge")
    if challenge is not None and method != "S256":
        message = "code_challenge_method must be S256"
        raise ProtocolError("invalid_request", message)
    prompts = parameters.words("prompt") or []
    if not _PROMPTS.issuperset(prompts) or ("none" in prompts and len(prompts) > 1):
        raise ProtocolError("invalid_request", "prompt is not valid")
    classes = parameters.words("acr_values") or []
    return replace(
        read_address(parameters, client, received_at),
        scopes=scope_list("scopes", parameters.words("scope") or []),
        resources=resource_list("resources", parameters.all("resource") or []),
        authorization_details=parameters.details() or [],
        nonce=_nonce("nonce", parameters.get("nonce")),
        code_challenge=_digest("code_challenge", challenge),
        dpop_jkt=_digest("dpop_jkt", parameters.get("dpop_jkt")),
        prompts=prompts,
        max_age=parameters.seconds("max_age"),
        acr_values=[acr for acr in classes if acr in acr_values_supported] or None,
        login_hint=parameters.get("login_hint"),
        ui_locales=parameters.words("ui_locales") or [],
    )


def _digest(name: str, value: str | None) -> str | None:
    """Return a SHA-256 digest in base64url, or None."""
    if value is not None and not _DIGEST.fullmatch(value):
        raise refusal(name, "must be base64url of SHA-256")
    return value
