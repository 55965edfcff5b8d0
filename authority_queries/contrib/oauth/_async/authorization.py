"""The authorization endpoint (RFC 6749 section 3.1, OpenID Connect Core 3.1.2)."""

from uuid import UUID

from authority_queries.contrib.oauth._async.authorization_checks import check_request
from authority_queries.contrib.oauth._async.endpoint import (
    REFUSALS,
    AsyncPart,
    refusal_of,
)
from authority_queries.contrib.oauth._async.metadata_documents import (
    AsyncMetadataDocuments,
)
from authority_queries.contrib.oauth._async.requesting import is_pushed, redeem_pushed
from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.authorization_requests import (
    AskConsent,
    AuthorizationRequest,
    Decision,
    SignIn,
    is_registered,
    read_address,
)
from authority_queries.contrib.oauth.context import Context
from authority_queries.contrib.oauth.decisions import ErrorPage, Redirect
from authority_queries.contrib.oauth.outcomes import AUTHORIZATION, ERROR_PAGES
from authority_queries.contrib.oauth.registrations import PUSHED
from authority_queries.contrib.oauth.requests import Parameters, Request
from authority_queries.records import Client, CodeIssuance, LiveSession
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.secrets import mint_token
from authority_queries.service._async.authority import AsyncAuthority


class AsyncAuthorization(AsyncPart):
    """Reads requests, and decides what the browser sees next."""

    def __init__(
        self,
        authority: AsyncAuthority,
        context: Context,
        documents: AsyncMetadataDocuments,
    ) -> None:
        super().__init__(authority, context)
        self._documents = documents

    async def begin(self, request: Request) -> AuthorizationRequest | Decision:
        """Read a request, also a pushed one (RFC 9126), which is used up.

        Keep the result, for example sealed in a form, until the person has signed in
        and consented, and pass it to `decide`.
        """
        try:
            parameters = Parameters(request.parameters)
            await self._documents.ensure(parameters.get("client_id"))
            async with self._authority.tenant(
                self._tenant_id, autocommit=True
            ) as store:
                return await self._begin(store, parameters)
        except REFUSALS as error:
            return ErrorPage.of(refusal_of(error))

    async def decide(
        self,
        request: AuthorizationRequest,
        cookie: str | None,
        *,
        is_consented: bool = False,
    ) -> Decision:
        """Issue a code, or return the page that is needed first.

        `cookie` is the browser's session. `is_consented`: the person has just
        consented, as prompt=consent requires.
        """
        session = await self.session(cookie)
        try:
            async with self._authority.tenant(
                self._tenant_id, autocommit=True
            ) as store:
                return await self._decide(store, request, session, is_consented)
        except ProtocolError as error:
            return self._sent(request, error)
        except REFUSALS as error:
            return ErrorPage.of(refusal_of(error))

    async def consent(self, request: AuthorizationRequest, user_id: UUID) -> None:
        """Store the consent of a user who has signed in."""
        async with self._authority.tenant(self._tenant_id, autocommit=True) as store:
            await store.consents.grant(
                tenant_id=self._tenant_id,
                user_id=user_id,
                client_id=request.client_id,
                scopes=request.scopes,
                resources=request.resources,
                authorization_details=request.authorization_details,
            )

    def deny(self, request: AuthorizationRequest) -> Redirect:
        """Return the redirect that sends access_denied to the client."""
        return self._sent(
            request, ProtocolError("access_denied", "the person has refused")
        )

    async def _begin(
        self, store: AsyncStore, parameters: Parameters
    ) -> AuthorizationRequest | Decision:
        client_id = parameters.require("client_id")
        client = await store.clients.get_by_client_id(
            tenant_id=self._tenant_id, client_id=client_id
        )
        if client is None or not client.enabled:
            raise ProtocolError("invalid_client", "the client is unknown")
        reference = parameters.get("request_uri")
        if reference is not None and is_pushed(reference):
            parameters = await redeem_pushed(store, client, reference)
        elif PUSHED in client.requirements:
            raise ProtocolError("invalid_request", "the request must be pushed")
        addressed = read_address(parameters, client, self._context.now())
        if not is_registered(client, addressed.redirect_uri):
            # The database compares it too, but only when a code is issued.
            return ErrorPage(
                error="invalid_request", description="redirect_uri is not registered"
            )
        try:
            return await check_request(
                store, self._context, client, parameters, addressed.received_at
            )
        except REFUSALS as error:
            return await self._refusal(store, client, addressed, refusal_of(error))

    async def _refusal(
        self,
        store: AsyncStore,
        client: Client,
        addressed: AuthorizationRequest,
        refused: ProtocolError,
    ) -> Redirect | ErrorPage:
        """Return a redirect, or a page if a stranger registered the client.

        By a request that is wrong on purpose, a stranger could send people to any site
        before they see a page of this server (RFC 9700 section 4.11.2).
        """
        registration = await store.client_registrations.get(
            tenant_id=self._tenant_id, client_uuid=client.id
        )
        if registration is not None and registration.source != "manual":
            return ErrorPage.of(refused)
        return self._sent(addressed, refused)

    async def _decide(
        self,
        store: AsyncStore,
        request: AuthorizationRequest,
        session: LiveSession | None,
        is_consented: bool,  # noqa: FBT001 -- of `decide`
    ) -> Decision:
        client = await store.clients.get_by_client_id(
            tenant_id=self._tenant_id, client_id=request.client_id
        )
        if client is None:
            return ErrorPage(
                error="invalid_client", description="the client is unknown"
            )
        if session is None:
            if "none" in request.prompts:
                raise ProtocolError("login_required", "nobody has signed in")
            return SignIn(request=request, client=client)
        if request.hinted_subject_id not in {None, session.subject_id}:
            is_new = session.authenticated_at >= request.received_at
            if is_new or "none" in request.prompts:
                raise ProtocolError("login_required", "another person has signed in")
            return SignIn(request=request, client=client, is_again=True)
        is_asked = "consent" in request.prompts and not request.has_aged(session)
        if is_asked and not is_consented:
            return AskConsent(request=request, client=client)
        code = mint_token("authorization_code", self._tenant_id)
        issuance = await self._issue(store, request, session, code.hash)
        if issuance.outcome == "issued":
            return request.redirect(self._settings.issuer, {"code": code.token})
        return self._refused(request, client, issuance)

    def _refused(
        self, request: AuthorizationRequest, client: Client, issuance: CodeIssuance
    ) -> Decision:
        outcome = issuance.outcome
        error = AUTHORIZATION[outcome]
        assert error is not None  # noqa: S101 -- only "issued" has none
        refused = ProtocolError(error, outcome.replace("_", " "))
        if outcome in ERROR_PAGES:
            return ErrorPage.of(refused)
        if "none" not in request.prompts:
            if outcome == "consent_required":
                return AskConsent(request=request, client=client)
            if outcome in {"login_required", "unmet_authentication_requirements"}:
                return SignIn(request=request, client=client, is_again=True)
        return self._sent(request, refused)

    def _sent(self, request: AuthorizationRequest, refused: ProtocolError) -> Redirect:
        """Return the redirect that sends a refusal to the client."""
        issuer = self._settings.issuer
        return request.refusal(issuer, refused.error, refused.description)

    async def _issue(
        self,
        store: AsyncStore,
        request: AuthorizationRequest,
        session: LiveSession,
        code_hash: bytes,
    ) -> CodeIssuance:
        return await store.grants.issue_code(
            tenant_id=self._tenant_id,
            token_hash=code_hash,
            client_id=request.client_id,
            user_id=session.user_id,
            session_id=session.id,
            authenticated_at=None,
            scopes=request.scopes,
            resources=request.resources,
            authorization_details=request.authorization_details,
            redirect_uri=request.redirect_uri,
            code_challenge=request.code_challenge,
            nonce=request.nonce,
            cnf_jkt=request.dpop_jkt,
            max_age=request.required_age,
            acr_values=request.acr_values,
            requested_at=request.received_at,
            lifetime=self._settings.code_lifetime,
            family_lifetime=self._settings.family_lifetime,
        )
