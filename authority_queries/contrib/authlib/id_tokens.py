"""ID tokens, for Authlib's own grant of codes."""

from time import time

from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oidc.core import UserInfo
from authlib.oidc.core.grants import OpenIDCode as _OpenIDCode

from authority_queries.contrib.authlib.clients import Client
from authority_queries.contrib.authlib.issuer import Issuer
from authority_queries.contrib.authlib.models import StoredToken, User
from authority_queries.contrib.oauth.jose import PrivateKey, signer_of
from authority_queries.engine.json_types import JsonValue


class OpenIDCode(_OpenIDCode):
    """ID tokens that the issuer's key signs, for Authlib's AuthorizationCodeGrant.

    Clients compare the nonce (OpenID Connect Core section 3.1.3.7). Override
    `exists_nonce` to refuse one that came before.
    """

    def __init__(self, issuer: Issuer, require_nonce: bool = False) -> None:  # noqa: FBT001, FBT002 -- as Authlib's own
        super().__init__(require_nonce=require_nonce)
        self.issuer = issuer

    def exists_nonce(self, nonce: str, request: OAuth2Request) -> bool:  # noqa: ARG002 -- of Authlib
        """Return False."""
        return False

    def get_client_algorithm(self, client: Client) -> str:  # noqa: ARG002 -- of Authlib
        """Return the algorithm of the issuer."""
        return self.issuer.provider.settings.signing_alg

    def resolve_client_private_key(self, client: Client) -> PrivateKey:  # noqa: ARG002 -- of Authlib
        """Return the key that signs now."""
        return signer_of(self.issuer.provider.signing_key())

    def get_encode_header(self, client: Client) -> dict[str, str]:  # noqa: ARG002 -- of Authlib
        """Return the header, with the kid of the key set."""
        key = self.issuer.provider.signing_key()
        return {"alg": key.alg, "kid": key.kid, "typ": "JWT"}

    def get_client_claims(self, client: Client) -> dict[str, JsonValue]:
        """Return iss, aud and exp."""
        settings = self.issuer.provider.settings
        lifetime = int(settings.id_token_lifetime.total_seconds())
        return {
            "iss": settings.issuer,
            "aud": client.get_client_id(),
            "exp": int(time()) + lifetime,
        }

    def get_authorization_code_claims(
        self,
        authorization_code: StoredToken,  # type: ignore[override]  # of StoredCodes
    ) -> dict[str, JsonValue]:
        """Return nonce, auth_time, acr, amr and sid."""
        claims: dict[str, JsonValue] = super().get_authorization_code_claims(
            authorization_code
        )
        redemption = authorization_code.redemption
        if redemption is not None and redemption.sid is not None:
            claims["sid"] = str(redemption.sid)
        return claims

    def generate_user_info(self, user: User, scope: str) -> UserInfo:  # noqa: ARG002 -- of Authlib
        """Return the `sub`. The userinfo endpoint has the other claims."""
        return UserInfo(sub=user.get_user_id())
