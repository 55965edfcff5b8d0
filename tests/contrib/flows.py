"""Steps of flows that the tests of contrib share."""

import hashlib
import secrets
import time
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import parse_qs, quote_plus, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

from authority_queries.contrib.oauth import (
    Answer,
    AuthorizationRequest,
    Provider,
    Redirect,
    Request,
)
from authority_queries.credentials import mint_totp_secret
from authority_queries.engine.json_types import JsonValue
from authority_queries.records import User
from authority_queries.testing import SampleTenant

ISSUER = "https://auth.example"
CALLBACK = "https://app.example/callback"
VERIFIER = "what-the-client-has-made-of-43-characters-or-more"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CHALLENGE = "v5EvrqBeb5yMr6YDbqQXH0qysqYvjWzsS4qQLvF6k1I"


def post(path: str, *pairs: tuple[str, str], **parameters: str) -> Request:
    """Return a POST of a form."""
    given = [*parameters.items(), *pairs]
    return Request(method="POST", url=ISSUER + path, parameters=given)


def get(path: str, **parameters: str) -> Request:
    return Request(method="GET", url=ISSUER + path, parameters=[*parameters.items()])


def basic(client_id: str, secret: str) -> tuple[str, str]:
    """Return the header of HTTP Basic."""
    text = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Authorization", f"Basic {b64encode(text.encode()).decode()}"


def bearer(token: JsonValue) -> tuple[str, str]:
    return "Authorization", f"Bearer {token}"


def proof(key: ECKey, method: str, url: str, **more: object) -> tuple[str, str]:
    """Return the header with a DPoP proof."""
    header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": key.as_dict(private=False)}
    claims: dict[str, object] = {"htm": method, "htu": url, "iat": int(time.time())}
    claims |= {"jti": secrets.token_hex(8), **more}
    return "DPoP", jwt.encode(header, claims, key)


def ath(token: str) -> str:
    """Return the hash of an access token for a proof."""
    digest = hashlib.sha256(token.encode()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def body(answer: Answer, status: int = 200) -> "dict[str, JsonValue]":
    """Return the body of an answer with this status."""
    assert answer.status == status, answer.body
    assert answer.body is not None
    return dict(answer.body)


def error(answer: Answer, status: int = 400) -> JsonValue:
    """Return the error of an answer with this status."""
    assert answer.headers["cache-control"] == "no-store"
    return body(answer, status)["error"]


def asked(provider: Provider, **more: str) -> AuthorizationRequest:
    """Return the request for authorization of the client `app`."""
    given = {
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": CALLBACK,
        "scope": "openid profile email",
        "state": "xyz",
        "nonce": "n-0S6",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **more,
    }
    kept = {name: value for name, value in given.items() if value}
    begun = provider.authorization.begin(get("/authorize", **kept))
    assert isinstance(begun, AuthorizationRequest), begun
    return begun


def query_of(decision: object) -> "dict[str, str]":
    """Return the parameters of a redirect to the client."""
    assert isinstance(decision, Redirect), decision
    assert decision.url.startswith(CALLBACK)
    query = parse_qs(urlsplit(decision.url).query)
    assert query["iss"] == [ISSUER]
    return {name: value for name, (value,) in query.items()}


def code_for(provider: Provider, tenant: SampleTenant, user: User, **more: str) -> str:
    """Sign the user in, consent, and return the code."""
    request = asked(provider, **more)
    cookie, session = tenant.session(user)
    provider.authorization.consent(request, session.user_id)
    return query_of(provider.authorization.decide(request, cookie))["code"]


def redeem(granted: str, **more: str) -> Request:
    """Return the request of the client `app` that redeems a code."""
    given = {
        "grant_type": "authorization_code",
        "code": granted,
        "client_id": "app",
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        **more,
    }
    return post("/token", **{name: value for name, value in given.items() if value})


def enroll_totp(provider: Provider, tenant: SampleTenant, user: User) -> str:
    """Give a user a TOTP secret, and return the code that is right next."""
    secret, step = mint_totp_secret(), int(time.time() // 30)
    keyring = provider.settings.keyring
    with tenant.unit(autocommit=True) as store:
        store.totp_credentials.enroll(
            tenant_id=tenant.id, user_id=user.id, secret=secret, keyring=keyring
        )
        confirmed = store.totp_credentials.confirm(
            tenant_id=tenant.id,
            user_id=user.id,
            code=secret.code(step - 1),
            keyring=keyring,
        )
    assert confirmed.outcome == "confirmed"
    return secret.code(step)
