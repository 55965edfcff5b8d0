"""The base of the parts of an issuer: its session and key, answers to refusals."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar, Final

from authority_queries.contrib.oauth._async.authentication import AsyncAuthentication
from authority_queries.contrib.oauth.answers import Answer, ProtocolError
from authority_queries.contrib.oauth.context import Context, Presenter
from authority_queries.contrib.oauth.outcomes import ErrorCode
from authority_queries.contrib.oauth.presented import read_tokens
from authority_queries.contrib.oauth.requests import Parameters, Request
from authority_queries.errors import (
    AuthorityError,
    ConfigurationError,
    InvalidArgumentError,
    InvalidValueError,
    TenantInactiveError,
)
from authority_queries.records import LiveSession
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.secrets import TokenString
from authority_queries.secrets.signing_keys import SigningKey
from authority_queries.service._async.authority import AsyncAuthority

# Errors that a request causes.
REFUSALS: Final = (
    ProtocolError,
    TenantInactiveError,
    InvalidArgumentError,
    InvalidValueError,
)
_CODES: Final[Mapping[str | None, ErrorCode]] = {
    "scopes": "invalid_scope",
    "resources": "invalid_target",
    "authorization_details": "invalid_authorization_details",
}


class AsyncPart:
    """A part of an issuer."""

    def __init__(self, authority: AsyncAuthority, context: Context) -> None:
        self._authority = authority
        self._context = context
        self._tenant_id = context.tenant_id
        self._settings = context.settings

    async def session(self, cookie: str | None) -> LiveSession | None:
        """Return the live session of a cookie, if it is of this issuer."""
        if cookie is None:
            return None
        return await self._authority.verify_session(cookie, tenant_id=self._tenant_id)

    async def signing_key(self, store: AsyncStore) -> SigningKey:
        """Return the key that signs now. Raises ConfigurationError."""
        key = self._context.fresh_key()
        if key is None:
            alg = self._settings.signing_alg
            key = await store.signing_keys.get_signing(
                tenant_id=self._tenant_id, alg=alg, keyring=self._settings.keyring
            )
            if key is None:
                message = f"no key signs with {alg}: call provider.rotate_keys()"
                raise ConfigurationError(message)
            self._context.keep_key(key)
        return key


class AsyncEndpoint(AsyncPart):
    """An endpoint that needs no page. `answer` also returns the errors of OAuth."""

    # Redemptions cannot be rolled back, so each call is a transaction of its own.
    _autocommit: ClassVar[bool] = True
    _methods: ClassVar[Sequence[str]] = ("POST",)

    def __init__(
        self,
        authority: AsyncAuthority,
        context: Context,
        authentication: AsyncAuthentication,
    ) -> None:
        super().__init__(authority, context)
        self._authentication = authentication

    async def answer(self, request: Request) -> Answer:
        """Answer a request. Raises UnavailableError, RetryableError."""
        if request.method not in self._methods:
            return Answer(status=405, headers={"allow": ", ".join(self._methods)})
        try:
            return await self._authentication.keys.supply(
                partial(self._attempt, request)
            )
        except REFUSALS as error:
            return refusal_of(error).answer()

    async def _attempt(self, request: Request) -> Answer:
        async with self._authority.tenant(
            self._tenant_id, autocommit=self._autocommit
        ) as store:
            return await self._answer(store, request)

    async def _answer(self, store: AsyncStore, request: Request) -> Answer:
        raise NotImplementedError

    def _read(self, token: str) -> Sequence[TokenString]:
        """Return the tokens that a presented string may be, the access token first."""
        return read_tokens(
            token, self._tenant_id, foreign=self._settings.accepts_foreign_tokens
        )

    async def _present_with_scopes(
        self, store: AsyncStore, request: Request, parameters: Parameters
    ) -> tuple[Presenter, Sequence[str]]:
        """Return the client and the requested scopes that the tenant has, in one trip.

        Raises ProtocolError.
        """
        return await self._authentication.present_and(
            store, request, parameters, partial(self._known_scopes, store, parameters)
        )

    async def _known_scopes(
        self, store: AsyncStore, parameters: Parameters
    ) -> Sequence[str]:
        requested = parameters.words("scope")
        if not requested:
            return ()
        found = await store.scopes.resolve(tenant_id=self._tenant_id, names=requested)
        return [each.name for each in found]


def refusal_of(error: AuthorityError) -> ProtocolError:
    """Return one of REFUSALS as an error of the protocol."""
    if isinstance(error, ProtocolError):
        return error
    if isinstance(error, TenantInactiveError):
        return ProtocolError("invalid_client", "the issuer is not active")
    argument: str | None = getattr(error, "argument", None)
    code: ErrorCode = _CODES.get(argument, "invalid_request")
    return ProtocolError(code, f"{argument or 'a parameter'} is not valid")


def refuse(code: ErrorCode | None, outcome: str) -> None:
    """Raise the ProtocolError of an outcome, if it is a refusal."""
    if code is not None:
        raise ProtocolError(code, outcome.replace("_", " "))
