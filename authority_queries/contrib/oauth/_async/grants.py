"""The grants of the token endpoint."""

from collections.abc import Sequence
from uuid import uuid4

from authority_queries.contrib.oauth._async.endpoint import AsyncEndpoint, refuse
from authority_queries.contrib.oauth.answers import Answer, ProtocolError
from authority_queries.contrib.oauth.context import Presenter
from authority_queries.contrib.oauth.exchanges import ACCESS_TOKEN, read_exchange
from authority_queries.contrib.oauth.outcomes import (
    CLIENT_CREDENTIALS,
    EXCHANGE,
    POLL,
    REDEMPTION,
)
from authority_queries.contrib.oauth.presented import (
    parse_grant,
)
from authority_queries.contrib.oauth.requests import Parameters
from authority_queries.contrib.oauth.scopes import check_scopes
from authority_queries.contrib.oauth.tokens import id_token, seconds_until, token_answer
from authority_queries.engine.json_types import JsonArray, JsonValue
from authority_queries.records import (
    ClientTokenIssuance,
    Redemption,
    RedemptionRedeemed,
    TokenExchange,
)
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.repositories.values import NewToken
from authority_queries.secrets import TokenString, derive_token, mint_token


class AsyncGrants(AsyncEndpoint):
    """One method for each grant. Each raises ProtocolError."""

    async def redeem_code(
        self, store: AsyncStore, presenter: Presenter, parameters: Parameters
    ) -> Answer:
        """Redeem an authorization code (RFC 6749 section 4.1.3)."""
        code = parse_grant(
            parameters.require("code"), "authorization_code", self._tenant_id
        )
        access = mint_token("access", self._tenant_id)
        refresh = mint_token("refresh", self._tenant_id)
        redemption = await store.redemptions.redeem_code(
            tenant_id=self._tenant_id,
            token_hash=code.hash,
            client_id=presenter.client.client_id,
            redemption_id=uuid4(),
            redirect_uri=parameters.get("redirect_uri"),
            code_verifier=parameters.get("code_verifier"),
            cnf_jkt=presenter.jkt,
            cnf_x5t_s256=presenter.x5t_s256,
            resources=parameters.all("resource"),
            authorization_details=parameters.details(),
            access_token=self._new_access(access),
            refresh_token=self._new_refresh(refresh),
        )
        return await self._tokens(store, presenter, redemption, access, refresh)

    async def refresh(
        self, store: AsyncStore, presenter: Presenter, parameters: Parameters
    ) -> Answer:
        """Rotate a refresh token (RFC 6749 section 6). A retry gets the same tokens."""
        given = self._refresh_token(parameters.require("refresh_token"))
        access = derive_token("access", given, self._settings.derivation_key)
        refresh = derive_token("refresh", given, self._settings.derivation_key)
        redemption = await store.redemptions.refresh(
            tenant_id=self._tenant_id,
            token_hash=given.hash,
            client_id=presenter.client.client_id,
            redemption_id=uuid4(),
            scopes=parameters.words("scope"),
            resources=parameters.all("resource"),
            authorization_details=parameters.details(),
            cnf_jkt=presenter.jkt,
            cnf_x5t_s256=presenter.x5t_s256,
            access_token=self._new_access(access),
            refresh_token=self._new_refresh(refresh),
            leeway=self._settings.leeway,
        )
        return await self._tokens(
            store, presenter, redemption, access, refresh, is_derived=True
        )

    async def redeem_device_code(
        self, store: AsyncStore, presenter: Presenter, parameters: Parameters
    ) -> Answer:
        """Answer a device's poll (RFC 8628 section 3.4)."""
        given = parse_grant(
            parameters.require("device_code"), "device_code", self._tenant_id
        )
        poll = await store.device_authorizations.poll(
            tenant_id=self._tenant_id,
            device_code_hash=given.hash,
            client_id=presenter.client.client_id,
            cnf_jkt=presenter.jkt,
        )
        refuse(POLL[poll.outcome], poll.outcome)
        access = derive_token("access", given, self._settings.derivation_key)
        refresh = derive_token("refresh", given, self._settings.derivation_key)
        redemption = await store.redemptions.redeem_device_code(
            tenant_id=self._tenant_id,
            token_hash=given.hash,
            client_id=presenter.client.client_id,
            redemption_id=uuid4(),
            cnf_jkt=presenter.jkt,
            cnf_x5t_s256=presenter.x5t_s256,
            resources=parameters.all("resource"),
            authorization_details=parameters.details(),
            access_token=self._new_access(access),
            refresh_token=self._new_refresh(refresh),
            leeway=self._settings.leeway,
        )
        return await self._tokens(
            store, presenter, redemption, access, refresh, is_derived=True
        )

    async def issue_to_client(
        self,
        store: AsyncStore,
        presenter: Presenter,
        parameters: Parameters,
        known: Sequence[str] | None = None,
    ) -> Answer:
        """Issue a token to the client itself (RFC 6749 section 4.4).

        `known` has the requested scopes that the tenant has, if they were read.
        """
        if parameters.details():
            message = "a client has no authorization_details of its own"
            raise ProtocolError("invalid_authorization_details", message)
        if known is None:
            known = await self._known_scopes(store, parameters)
        access = mint_token("access", self._tenant_id)
        issuance = await store.grants.issue_to_client(
            tenant_id=self._tenant_id,
            token_hash=access.hash,
            client_id=presenter.client.client_id,
            lifetime=self._settings.access_token_lifetime,
            scopes=check_scopes(
                presenter.client, parameters.words("scope") or [], known
            ),
            resources=parameters.all("resource") or [],
            cnf_jkt=presenter.jkt,
            cnf_x5t_s256=presenter.x5t_s256,
        )
        refuse(CLIENT_CREDENTIALS[issuance.outcome], issuance.outcome)
        return self._issued(presenter, access, issuance, [])

    async def exchange(
        self, store: AsyncStore, presenter: Presenter, parameters: Parameters
    ) -> Answer:
        """Exchange an access token (RFC 8693 section 2)."""
        tokens = read_exchange(parameters, self._tenant_id)
        access = mint_token("access", self._tenant_id)
        exchange = await store.exchanges.exchange(
            tenant_id=self._tenant_id,
            token_hash=access.hash,
            client_id=presenter.client.client_id,
            subject_token_hash=tokens.subject.hash,
            actor_token_hash=None if tokens.actor is None else tokens.actor.hash,
            lifetime=self._settings.access_token_lifetime,
            scopes=parameters.words("scope"),
            resources=parameters.all("resource"),
            authorization_details=parameters.details(),
            cnf_jkt=presenter.jkt,
            cnf_x5t_s256=presenter.x5t_s256,
        )
        refuse(EXCHANGE[exchange.outcome], exchange.outcome)
        return self._issued(
            presenter,
            access,
            exchange,
            exchange.authorization_details or [],
            {"issued_token_type": ACCESS_TOKEN},
        )

    async def _tokens(
        self,
        store: AsyncStore,
        presenter: Presenter,
        redemption: Redemption,
        access: TokenString,
        refresh: TokenString,
        *,
        is_derived: bool = False,
    ) -> Answer:
        """Return the tokens, also those of a retry if their strings are derived."""
        is_repeated = is_derived and redemption.outcome == "recently_redeemed"
        if not is_repeated:
            refuse(REDEMPTION[redemption.outcome], redemption.outcome)
        assert isinstance(redemption, RedemptionRedeemed)  # noqa: S101 -- narrows
        more: dict[str, JsonValue] = {}
        if redemption.refresh_token_id is not None:
            more["refresh_token"] = refresh.token
        if "openid" in redemption.scopes and redemption.user_id is not None:
            more["id_token"] = id_token(
                self._context,
                await self.signing_key(store),
                presenter,
                redemption,
                access.token,
            )
        return token_answer(
            presenter,
            access_token=access.token,
            expires_in=seconds_until(redemption.access_expires_at, self._context.now()),
            scopes=redemption.scopes,
            details=redemption.authorization_details,
            more=more,
        )

    def _issued(
        self,
        presenter: Presenter,
        access: TokenString,
        issued: ClientTokenIssuance | TokenExchange,
        details: JsonArray,
        more: dict[str, JsonValue] | None = None,
    ) -> Answer:
        return token_answer(
            presenter,
            access_token=access.token,
            expires_in=seconds_until(issued.expires_at, self._context.now()),
            scopes=issued.scopes or [],
            details=details,
            more=more,
        )

    def _refresh_token(self, token: str) -> TokenString:
        """Parse a refresh token, perhaps of another store. Raises ProtocolError."""
        for found in self._read(token):
            if found.kind == "refresh":
                return found
        raise ProtocolError("invalid_grant", "the grant is not valid")

    def _new_access(self, token: TokenString) -> NewToken:
        return NewToken(hash=token.hash, lifetime=self._settings.access_token_lifetime)

    def _new_refresh(self, token: TokenString) -> NewToken:
        return NewToken(hash=token.hash, lifetime=self._settings.refresh_token_lifetime)
