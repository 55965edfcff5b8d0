"""Stores what Authlib's own grants generate, by the statement that decides."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TypeVar
from uuid import uuid4

from authlib.oauth2.rfc6749 import OAuth2Request

from authority_queries.contrib.authlib.clients import client_of
from authority_queries.contrib.authlib.models import (
    StoredDevice,
    StoredToken,
    user_id_of,
    words,
)
from authority_queries.contrib.oauth import ProtocolError, Provider
from authority_queries.contrib.oauth._sync.endpoint import refuse
from authority_queries.contrib.oauth.context import Presenter
from authority_queries.contrib.oauth.outcomes import CLIENT_CREDENTIALS, REDEMPTION
from authority_queries.contrib.oauth.requests import Parameters
from authority_queries.contrib.oauth.tokens import seconds_until
from authority_queries.engine.json_types import JsonValue
from authority_queries.errors import ConfigurationError
from authority_queries.records import Redemption, RedemptionRedeemed
from authority_queries.repositories._sync.store import Store
from authority_queries.repositories.values import NewToken
from authority_queries.secrets import TokenString, derive_token
from authority_queries.secrets.token_strings import TokenKind

_Model = TypeVar("_Model")
_DEFAULT: Final = 3600  # seconds, of Authlib's generator


class _Issuer(Protocol):
    """What is used of an `Issuer`."""

    strings_of_application: bool

    def generated(self, string: str, kind: TokenKind) -> TokenString: ...


@dataclass(slots=True)
class Saving:
    """A token that a grant of Authlib has generated, and where it goes."""

    issuer: _Issuer
    provider: Provider
    store: Store
    token: dict[str, JsonValue]
    request: OAuth2Request
    presenter: Presenter
    parameters: Parameters

    def save(self) -> None:
        """Redeem what the request presents, or store a token of another grant."""
        request = self.request
        payload = request.payload
        if request.authorization_code is not None:
            self._redeem_code(_ours(request.authorization_code, StoredToken))
        elif request.refresh_token is not None:
            self._refresh(_ours(request.refresh_token, StoredToken))
        elif request.credential is not None:
            self._redeem_device_code(_ours(request.credential, StoredDevice))
        elif payload is not None and payload.grant_type == "client_credentials":
            self._issue_to_client()
        else:
            self._create()
        if self.presenter.jkt is not None:
            self.token["token_type"] = "DPoP"  # noqa: S105 -- a type

    def _redeem_code(self, code: StoredToken) -> None:
        redemption = self.store.redemptions.redeem_code(
            tenant_id=self.provider.tenant_id,
            token_hash=code.record.token_hash,
            client_id=self.presenter.client.client_id,
            redemption_id=uuid4(),
            redirect_uri=self.parameters.get("redirect_uri"),
            code_verifier=self.parameters.get("code_verifier"),
            cnf_jkt=self.presenter.jkt,
            cnf_x5t_s256=self.presenter.x5t_s256,
            scopes=self._scopes(),
            resources=self.parameters.all("resource"),
            authorization_details=self.parameters.details(),
            access_token=self._access(),
            refresh_token=self._refresh_token(),
        )
        redeemed = self._answer(redemption)
        self.request.authorization_code = replace(code, redemption=redeemed)

    def _refresh(self, given: StoredToken) -> None:
        # Without a new one, the token can be presented again, for another access token.
        is_derived = "refresh_token" in self.token and self._derive(given.string)
        redemption = self.store.redemptions.refresh(
            tenant_id=self.provider.tenant_id,
            token_hash=given.record.token_hash,
            client_id=self.presenter.client.client_id,
            redemption_id=uuid4(),
            scopes=self._scopes(),
            resources=self.parameters.all("resource"),
            authorization_details=self.parameters.details(),
            cnf_jkt=self.presenter.jkt,
            cnf_x5t_s256=self.presenter.x5t_s256,
            access_token=self._access(),
            refresh_token=self._refresh_token(),
            leeway=self.provider.settings.leeway,
        )
        self._answer(redemption, is_derived=is_derived)

    def _redeem_device_code(self, given: StoredDevice) -> None:
        is_derived = self._derive(given.string)
        redemption = self.store.redemptions.redeem_device_code(
            tenant_id=self.provider.tenant_id,
            token_hash=given.string.hash,
            client_id=self.presenter.client.client_id,
            redemption_id=uuid4(),
            cnf_jkt=self.presenter.jkt,
            cnf_x5t_s256=self.presenter.x5t_s256,
            scopes=self._scopes(),
            resources=self.parameters.all("resource"),
            authorization_details=self.parameters.details(),
            access_token=self._access(),
            refresh_token=self._refresh_token(),
            leeway=self.provider.settings.leeway,
        )
        self._answer(redemption, is_derived=is_derived)

    def _issue_to_client(self) -> None:
        requested = self._scopes()
        tenant_id, client = self.provider.tenant_id, self.presenter.client
        self._check_scopes(requested)
        access = self._access()
        issuance = self.store.grants.issue_to_client(
            tenant_id=tenant_id,
            token_hash=access.hash,
            client_id=client.client_id,
            lifetime=access.lifetime,
            scopes=requested,
            resources=self.parameters.all("resource") or [],
            cnf_jkt=self.presenter.jkt,
            cnf_x5t_s256=self.presenter.x5t_s256,
        )
        refuse(CLIENT_CREDENTIALS[issuance.outcome], issuance.outcome)

    def _check_scopes(self, requested: Sequence[str]) -> None:
        """Raise ProtocolError unless each exists, and the client may have it."""
        tenant_id = self.provider.tenant_id
        known = self.store.scopes.resolve(tenant_id=tenant_id, names=requested)
        allowed = client_of(self.request).get_allowed_scope(" ".join(requested))
        if not {each.name for each in known}.intersection(words(allowed)).issuperset(
            requested
        ):
            message = "a scope does not exist, or is not the client's"
            raise ProtocolError("invalid_scope", message)

    def _create(self) -> None:
        """Store the tokens of a grant of the application's own, which has decided."""
        tenant_id, client = self.provider.tenant_id, self.presenter.client
        user_id, scopes = user_id_of(self.request.user), self._scopes()
        tokens = {"access": self._access(), "refresh": self._refresh_token()}
        family = None
        if tokens["refresh"] is not None:
            family = self.store.authorizations.create(
                tenant_id=tenant_id,
                client_uuid=client.id,
                user_id=user_id,
                scopes=scopes,
                lifetime=self.provider.settings.family_lifetime,
            ).id
        for kind, each in tokens.items():
            if each is not None:
                self.store.tokens.create(
                    tenant_id=tenant_id,
                    type="access" if kind == "access" else "refresh",
                    token_hash=each.hash,
                    client_uuid=client.id,
                    lifetime=each.lifetime,
                    user_id=user_id,
                    authorization_id=family,
                    scopes=scopes,
                    cnf_jkt=self.presenter.jkt,
                    cnf_x5t_s256=self.presenter.x5t_s256,
                )

    def _answer(
        self, redemption: Redemption, *, is_derived: bool = False
    ) -> RedemptionRedeemed:
        """Have the token say what the database issued. Raises ProtocolError."""
        if not (is_derived and redemption.outcome == "recently_redeemed"):
            refuse(REDEMPTION[redemption.outcome], redemption.outcome)
        assert isinstance(redemption, RedemptionRedeemed)  # noqa: S101 -- narrows
        token = self.token
        if redemption.refresh_token_id is None:
            token.pop("refresh_token", None)
        # The family may end before the lifetime of the token.
        left = seconds_until(redemption.access_expires_at, datetime.now(UTC)) + 1
        token["expires_in"] = max(min(self._expires_in(), left), 0)
        if redemption.scopes:
            token["scope"] = " ".join(redemption.scopes)
        if redemption.authorization_details:
            token["authorization_details"] = redemption.authorization_details
        return redemption

    def _derive(self, parent: TokenString) -> bool:
        """Replace the generated strings, so that a lost answer can be repeated."""
        if self.issuer.strings_of_application:
            return False
        key = self.provider.settings.derivation_key
        self.token["access_token"] = derive_token("access", parent, key).token
        if "refresh_token" in self.token:
            self.token["refresh_token"] = derive_token("refresh", parent, key).token
        return True

    def _scopes(self) -> Sequence[str]:
        return words(str(self.token.get("scope") or ""))

    def _expires_in(self) -> int:
        return int(str(self.token.get("expires_in", _DEFAULT)))

    def _access(self) -> NewToken:
        string = str(self.token["access_token"])
        made = self.issuer.generated(string, "access")
        return NewToken(hash=made.hash, lifetime=timedelta(seconds=self._expires_in()))

    def _refresh_token(self) -> NewToken | None:
        if "refresh_token" not in self.token:
            return None
        string = str(self.token["refresh_token"])
        made = self.issuer.generated(string, "refresh")
        lifetime = self.provider.settings.refresh_token_lifetime
        return NewToken(hash=made.hash, lifetime=lifetime)


def _ours(presented: object, kind: type[_Model]) -> _Model:
    """Return a model of this package. A grant with models of its own would race."""
    if isinstance(presented, kind):
        return presented
    message = (
        f"what the grant presents must be a {kind.__name__}, not "
        f"{type(presented).__name__}: use StoredCodes, StoredRefreshTokens or "
        "StoredDevices in the grant"
    )
    raise ConfigurationError(message)
