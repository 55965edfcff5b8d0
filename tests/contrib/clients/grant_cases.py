"""The other grants: client credentials, devices, token exchange."""

from datetime import timedelta

from tests.contrib.clients.cases import case
from tests.contrib.clients.drivers import DEVICE, JWT, Tokens
from tests.contrib.clients.stage import (
    AT_ONCE,
    Stage,
    at_once,
    joined,
    outcome,
    scope_of,
)

CREDENTIALS, EXCHANGE = "client credentials", "token exchange"
_GRANT = "client_credentials"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
_SIGNS = frozenset({JWT})


@case(CREDENTIALS, "client_secret_basic", "tokens")
def _(stage: Stage) -> str:
    return outcome(lambda: _own(stage, "basic"))


@case(CREDENTIALS, "client_secret_post", "tokens")
def _(stage: Stage) -> str:
    return outcome(lambda: _own(stage, "post"))


@case(CREDENTIALS, "private_key_jwt", "tokens", needs=_SIGNS)
def _(stage: Stage) -> str:
    return outcome(lambda: _own(stage, "signer"))


@case(CREDENTIALS, "private_key_jwt, keys at a jwks_uri", "tokens", needs=_SIGNS)
def _(stage: Stage) -> str:
    return outcome(lambda: _own(stage, "remote"))


@case(CREDENTIALS, "private_key_jwt replayed", "tokens, invalid_client", needs=_SIGNS)
def _(stage: Stage) -> str:
    used = stage.driver("signer", claims={"jti": stage.ann.username})
    return joined(*(lambda: used.token(_GRANT, scope="articles") for _ in range(2)))


@case(CREDENTIALS, "private_key_jwt expired", "invalid_client", needs=_SIGNS)
def _(stage: Stage) -> str:
    late = stage.driver("signer", claims={"exp": 1_700_000_000})
    return outcome(lambda: late.token(_GRANT, scope="articles"))


@case(CREDENTIALS, "private_key_jwt for another issuer", "invalid_client", needs=_SIGNS)
def _(stage: Stage) -> str:
    claims = {"aud": stage.abroad.issuer}
    return outcome(lambda: stage.driver("signer", claims=claims).token(_GRANT))


@case(CREDENTIALS, "wrong secret", "invalid_client")
def _(stage: Stage) -> str:
    return outcome(lambda: _own(stage, "basic", secret="guess"))


@case(CREDENTIALS, "wrong method of authentication", "invalid_client")
def _(stage: Stage) -> str:
    changed = {"method": "client_secret_post"}
    return outcome(lambda: _own(stage, "basic", **changed))


@case(CREDENTIALS, "unknown client", "invalid_client")
def _(stage: Stage) -> str:
    return outcome(lambda: stage.driver("nobody", secret="guess").token(_GRANT))


@case(CREDENTIALS, "public client", "unauthorized_client")
def _(stage: Stage) -> str:
    return outcome(lambda: _own(stage, "app"))


@case(CREDENTIALS, "unknown scope", "invalid_scope")
def _(stage: Stage) -> str:
    driver = stage.driver("basic")
    return outcome(lambda: driver.token(_GRANT, scope="everything"))


@case(
    CREDENTIALS,
    "tenant suspended, and resumed",
    "tokens, invalid_client, tokens",
    is_alone=True,
)
def _(stage: Stage) -> str:
    def own() -> Tokens:
        return _own(stage, "basic")

    return joined(own, stage.suspend, own, stage.resume, own)


@case(CREDENTIALS, "eight at once", "8 of 8, 8 tokens")
def _(stage: Stage) -> str:
    drivers = [stage.driver("basic") for _ in range(AT_ONCE)]
    answers = at_once([lambda each=each: each.token(_GRANT) for each in drivers])  # type: ignore[misc]  # bound now
    tokens = [each for each in answers if isinstance(each, dict)]
    distinct = {each["access_token"] for each in tokens}
    return f"{len(tokens)} of {AT_ONCE}, {len(distinct)} tokens"


@case(
    "device",
    "right: pending, slow down, then tokens",
    "authorization_pending, slow_down, approved, tokens",
)
def _(stage: Stage) -> str:
    begun = _begun(stage)
    pending, early = (outcome(lambda: _poll(stage, begun)) for _ in range(2))
    approved = stage.approve(begun["user_code"])
    stage.later(timedelta(minutes=1))
    tokens = outcome(lambda: _poll(stage, begun))
    return f"{pending}, {early}, {approved}, {tokens}"


@case("device", "denied by the person", "denied, access_denied")
def _(stage: Stage) -> str:
    begun = _begun(stage)
    said = stage.approve(begun["user_code"], allows=False)
    return f"{said}, {outcome(lambda: _poll(stage, begun))}"


@case("device", "expired", "expired_token")
def _(stage: Stage) -> str:
    begun = _begun(stage)
    stage.later(timedelta(hours=2))
    return outcome(lambda: _poll(stage, begun))


@case("device", "wrong client", "invalid_grant")
def _(stage: Stage) -> str:
    begun = _begun(stage)
    stage.approve(begun["user_code"])
    return outcome(lambda: _poll(stage, begun, "other"))


@case("device", "code of another tenant", "invalid_grant")
def _(stage: Stage) -> str:
    begun = _begun(stage.abroad)
    return outcome(lambda: _poll(stage, begun))


@case("device", "user code of another tenant", "unknown")
def _(stage: Stage) -> str:
    begun = _begun(stage.abroad)
    return stage.approve(begun["user_code"])


@case("device", "unknown scope", "invalid_scope")
def _(stage: Stage) -> str:
    device = stage.driver()
    form = {"scope": "everything"}
    return outcome(lambda: device.post("/device_authorization", form))


@case("device", "reused later: the family dies", "tokens, invalid_grant, invalid_token")
def _(stage: Stage) -> str:
    begun = _begun(stage)
    stage.approve(begun["user_code"])
    tokens = _poll(stage, begun)
    stage.later(timedelta(minutes=1))
    reused = outcome(lambda: _poll(stage, begun))
    return f"{outcome(lambda: tokens)}, {reused}, {stage.subject(tokens)}"


@case("device", "tenant suspended while it waits", "invalid_client", is_alone=True)
def _(stage: Stage) -> str:
    begun = _begun(stage)
    stage.suspend()
    return outcome(lambda: _poll(stage, begun))


@case(EXCHANGE, "narrowed scopes", "openid")
def _(stage: Stage) -> str:
    return scope_of(_exchanged(stage, stage.sign_in(), scope="openid"))


@case(EXCHANGE, "wider scopes", "invalid_scope")
def _(stage: Stage) -> str:
    tokens = stage.sign_in(stage.driver(scope="openid"))
    return outcome(lambda: _exchanged(stage, tokens, scope="openid email"))


@case(EXCHANGE, "revoked token", "invalid_request")
def _(stage: Stage) -> str:
    tokens = stage.sign_in()
    stage.driver().post("/revoke", {"token": tokens["access_token"]})
    return outcome(lambda: _exchanged(stage, tokens))


@case(EXCHANGE, "expired token", "invalid_request")
def _(stage: Stage) -> str:
    tokens = stage.sign_in()
    stage.later(timedelta(hours=1))
    return outcome(lambda: _exchanged(stage, tokens))


@case(EXCHANGE, "token of another tenant", "invalid_request")
def _(stage: Stage) -> str:
    tokens = stage.abroad.sign_in()
    return outcome(lambda: _exchanged(stage, tokens))


@case(EXCHANGE, "public client", "unauthorized_client")
def _(stage: Stage) -> str:
    tokens = stage.sign_in()
    return outcome(lambda: _exchanged(stage, tokens, "app"))


@case(EXCHANGE, "the subject's family revoked afterwards", "alive, invalid_token")
def _(stage: Stage) -> str:
    tokens = stage.sign_in()
    exchanged = _exchanged(stage, tokens, scope="openid")
    before = stage.subject(exchanged)
    stage.driver().post("/revoke", {"token": tokens["refresh_token"]})
    return f"{before}, {stage.subject(exchanged)}"


def _own(stage: Stage, client_id: str, **changed: str) -> Tokens:
    return stage.driver(client_id, **changed).token(_GRANT, scope="articles")


def _begun(stage: Stage) -> Tokens:
    form = {"scope": "openid profile"}
    return stage.driver().post("/device_authorization", form)


def _poll(stage: Stage, begun: Tokens, client_id: str = "app") -> Tokens:
    driver = stage.driver(client_id, scope="")
    return driver.token(DEVICE, device_code=begun["device_code"])


def _exchanged(
    stage: Stage, tokens: Tokens, client_id: str = "basic", scope: str = "openid"
) -> Tokens:
    return stage.driver(client_id, scope="").token(
        _EXCHANGE,
        subject_token=tokens["access_token"],
        subject_token_type=_ACCESS_TOKEN,
        scope=scope,
    )
