"""Token strings of Authlib's requests and generators."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Final, Protocol

from authlib.oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin
from authlib.oauth2.rfc6750 import BearerTokenGenerator

from authority_queries.contrib.oauth import Provider
from authority_queries.errors import ConfigurationError, InvalidTokenError
from authority_queries.secrets import (
    TokenString,
    mint_token,
    parse_foreign_token,
    parse_token,
)
from authority_queries.secrets.token_strings import TokenKind

_SHORTEST: Final = 22
_KNOWN: Final = ("authlib.", __name__)


class _Generator(Protocol):
    """Authlib's generator of tokens, whose stubs have no attributes."""

    access_token_generator: Callable[..., str]
    refresh_token_generator: Callable[..., str] | None
    expires_generator: Callable[[ClientMixin, str], int] | None


def read_strings(
    provider: Provider, string: str, kind: TokenKind, *, of_application: bool
) -> Iterator[TokenString]:
    """Yield what a presented string may be: of this store, or of another one.

    `of_application`: the application's generators make strings too.
    """
    tenant_id = provider.tenant_id
    try:
        found = parse_token(string, kind=kind)
    except InvalidTokenError:
        if kind not in {"access", "refresh"}:
            return
    else:
        if found.tenant_id == tenant_id:
            yield found
        return
    if of_application:
        yield own_string(provider, string, kind)
    if provider.settings.accepts_foreign_tokens:
        try:
            yield parse_foreign_token(string, kind=kind, tenant_id=tenant_id)
        except InvalidTokenError:
            return


def own_string(provider: Provider, string: str, kind: TokenKind) -> TokenString:
    """Return a string that a generator of the application made."""
    digest = sha256(string.encode()).digest()
    tenant_id = provider.tenant_id
    return TokenString(kind=kind, tenant_id=tenant_id, token=string, hash=digest)


def generated_string(
    provider: Provider, string: str, kind: TokenKind, *, of_application: bool
) -> TokenString:
    """Return a string to store. Raises ConfigurationError for one of a stranger."""
    try:
        found = parse_token(string, kind=kind)
    except InvalidTokenError:
        if of_application and len(string) >= _SHORTEST:
            return own_string(provider, string, kind)
    else:
        if found.tenant_id == provider.tenant_id:
            return found
    message = (
        f"the {kind} token must be a string of this store: call issuer.adopt(server), "
        "or create Issuer(…, strings_of_application=True)"
    )
    raise ConfigurationError(message)


def minting(provider: Callable[[], Provider], kind: TokenKind) -> Callable[..., str]:
    """Return a function that Authlib calls for a new string."""

    def mint(**_: object) -> str:
        return mint_token(kind, provider().tenant_id).token

    return mint


def adopted(
    server: AuthorizationServer, provider: Callable[[], Provider]
) -> BearerTokenGenerator:
    """Return the generator that the server's settings ask for, with our strings.

    It keeps OAUTH2_TOKEN_EXPIRES_IN and OAUTH2_REFRESH_TOKEN_GENERATOR. Raises
    ConfigurationError for a generator of the application.
    """
    known = default_generator(server)
    has_refresh = known is not None and known.refresh_token_generator is not None
    return BearerTokenGenerator(
        minting(provider, "access"),
        minting(provider, "refresh") if has_refresh else None,
        None if known is None else known.expires_generator,
    )


def default_generator(server: AuthorizationServer) -> _Generator | None:
    """Return Authlib's own generator. Raises ConfigurationError for another one."""
    generators = dict(vars(server)["_token_generators"])
    known: _Generator | None = generators.pop("default", None)
    if generators or type(known) not in {BearerTokenGenerator, type(None)}:
        names = ", ".join(generators) or "default"
        raise _refused(f"the generator of {names}")
    for name in ("access_token_generator", "refresh_token_generator"):
        function = getattr(known, name, None)
        if function is not None and not function.__module__.startswith(_KNOWN):
            raise _refused(f"the setting {name}")
    return known


def _refused(name: str) -> ConfigurationError:
    message = (
        f"{name} must not be set: strings are those of the store. To keep it, create "
        "Issuer(…, strings_of_application=True)"
    )
    return ConfigurationError(message)
