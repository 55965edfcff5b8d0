"""The token endpoint (RFC 6749 section 3.2)."""

from authority_queries.contrib.oauth._async.grants import AsyncGrants
from authority_queries.contrib.oauth.answers import Answer, ProtocolError
from authority_queries.contrib.oauth.requests import Parameters, Request
from authority_queries.repositories._async.store import AsyncStore


class AsyncTokenEndpoint(AsyncGrants):
    """Authenticates the client, and answers its grant."""

    async def _answer(self, store: AsyncStore, request: Request) -> Answer:
        parameters = Parameters(request.parameters)
        is_for_itself = parameters.get("grant_type") == "client_credentials"
        if is_for_itself:
            presenter, known = await self._present_with_scopes(
                store, request, parameters
            )
        else:
            presenter = await self._authentication.present(store, request, parameters)
            known = ()
        presenter.check_key()
        if is_for_itself:
            return await self.issue_to_client(store, presenter, parameters, known)
        match parameters.require("grant_type"):
            case "authorization_code":
                grant = self.redeem_code
            case "refresh_token":
                grant = self.refresh
            case "urn:ietf:params:oauth:grant-type:device_code":
                grant = self.redeem_device_code
            case "urn:ietf:params:oauth:grant-type:token-exchange":
                grant = self.exchange
            case _:
                message = "grant_type is not supported"
                raise ProtocolError("unsupported_grant_type", message)
        return await grant(store, presenter, parameters)
