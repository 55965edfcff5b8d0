"""The store and a model in plain Python agree, over thousands of random steps."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.internal.conjecture.engine import ConjectureRunner
from hypothesis.internal.conjecture.providers import HypothesisProvider
from hypothesis.stateful import run_state_machine_as_test

from authority_queries.testing import Clock
from tests.model.journal import Journal
from tests.model.service import Service
from tests.model.tenant_life import Life
from tests.stores import Logins

STEPS_OF_A_LIFE = 40
STEPS = 2000
# With this seed the steps reach all outcomes and deaths. `make model` takes others.
SEED = 11
MIN_STEPS = STEPS
OUTCOMES = {
    "access token pruned",
    "already_redeemed",
    "answer lost",
    "approved",
    "binding_required",
    "client_inactive",
    "client_not_authorized",
    "client_public",
    "consent_required",
    "family pruned",
    "forgotten",
    "invalid",
    "invalid_actor_token",
    "invalid_authorization_details",
    "invalid_scope",
    "invalid_subject_token",
    "invalid_target",
    "login_required",
    "issued",
    "killed",
    "pkce_required",
    "recently_redeemed",
    "redeemed",
    "redirect_uri_not_registered",
    "refresh token pruned",
    "refreshed",
    "reused",
    "rolled back",
    "rotation_required",
    "session",
    "session live",
    "session over",
    "session pruned",
    "session refused",
    "service_account_inactive",
    "too long",
    "unmet_authentication_requirements",
    "user deleted",
    "user_inactive",
}

# Except authorization_expired: no token outlives its family, so expired comes first.
DEATHS = {
    "alive",
    "authorization_revoked",
    "client_disabled",
    "client_signed_out",
    "consent_narrowed",
    "consent_revoked",
    "exchanged_from_dead",
    "expired",
    "redeemed",
    "revoked",
    "service_account_disabled",
    "service_account_signed_out",
    "session_ended",
    "tenant_inactive",
    "tenant_signed_out",
    "user_inactive",
    "user_signed_out",
}


def _nothing(*_arguments: object, **_options: object) -> None: ...


@pytest.fixture
def service(logins: Logins, dba: "psycopg.Connection[Any]") -> Iterator[Service]:
    service = Service(logins, dba)
    yield service
    service.close()


def test_the_store_agrees_with_a_model_of_the_rfcs(
    service: Service,
    clock: Clock,
    figures: list[str],
    pytestconfig: pytest.Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Five of six lives would be the sixth one with a part of it repeated.
    monkeypatch.setattr(ConjectureRunner, "generate_mutations_from", _nothing)
    # Hypothesis takes some numbers from modules that earlier tests imported. Then one
    # seed would run other steps in another worker.
    monkeypatch.setattr(HypothesisProvider, "_maybe_draw_constant", _nothing)
    wanted = pytestconfig.getoption("model_steps")
    journal = Journal()

    def life() -> Life:
        return Life(service, clock, journal)

    run_state_machine_as_test(
        life if wanted else seed(SEED)(life),  # type: ignore[arg-type]  # a function that makes one will do
        settings=settings(
            max_examples=(wanted or STEPS) // STEPS_OF_A_LIFE,
            stateful_step_count=STEPS_OF_A_LIFE,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=[*HealthCheck],
        ),
    )
    figures.extend(journal.lines())
    if journal.steps.total() >= MIN_STEPS:
        assert journal.outcomes.keys() >= OUTCOMES
        assert journal.deaths.keys() >= DEATHS
