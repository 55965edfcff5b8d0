"""The database is killed in the middle of a flow, and recovers."""

from collections.abc import Callable

from tests.contrib.clients.cases import case
from tests.contrib.clients.stage import Stage, outcome

FAULTS = "database killed and restarted"


def _fault(name: str, expected: str) -> Callable[[Callable[[Stage], str]], object]:
    return case(FAULTS, name, expected, on_cluster=True)


@_fault("between the sign-in and the code's redemption", "unavailable, tokens, alive")
def _(stage: Stage) -> str:
    driver = stage.driver()
    callback = stage.visit(driver.begin())
    stage.kill_database()
    during = _meanwhile(lambda: driver.redeem(callback))
    stage.start_database()
    tokens = driver.redeem(callback)
    return f"{during}, {outcome(lambda: tokens)}, {stage.subject(tokens)}"


@_fault("between two refreshes", "unavailable, tokens, alive")
def _(stage: Stage) -> str:
    driver = stage.driver()
    first = stage.sign_in(driver)
    second = driver.refresh(first["refresh_token"])
    stage.kill_database()
    during = _meanwhile(lambda: driver.refresh(second["refresh_token"]))
    stage.start_database()
    third = driver.refresh(second["refresh_token"])
    return f"{during}, {outcome(lambda: third)}, {stage.subject(third)}"


@_fault("an acknowledged revocation is kept", "ok, unavailable, invalid_token")
def _(stage: Stage) -> str:
    driver = stage.driver()
    tokens = stage.sign_in(driver)
    revoked = outcome(
        lambda: driver.post("/revoke", {"token": tokens["refresh_token"]})
    )
    stage.kill_database()
    during = _meanwhile(lambda: stage.subject(tokens))
    stage.start_database()
    return f"{revoked}, {during}, {stage.subject(tokens)}"


def _meanwhile(call: Callable[[], object]) -> str:
    """Return "unavailable" for the status 503, which OAuthLib does not read."""
    found = outcome(call)
    return "unavailable" if found in {"503", "missing_token"} else found
