"""The table flow by client, played over HTTP."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

from authority_queries import Authority, Maintenance, Settings
from authority_queries.testing import Clock, SampleTenant
from tests.contrib.clients import (  # noqa: F401 -- they add cases
    code_cases,
    grant_cases,
    token_cases,
)
from tests.contrib.clients.cases import CASES, Case
from tests.contrib.clients.drivers import Driver
from tests.contrib.clients.issuers import Issuers, serving_issuers
from tests.contrib.clients.stage import Stage, make_clients

NewTenant: TypeAlias = Callable[[], SampleTenant]
NewStage: TypeAlias = Callable[[Case, type[Driver]], Stage]

pytestmark = pytest.mark.one_version


@pytest.fixture(scope="module")
def issuers(authority_settings: Settings) -> Iterator[Issuers]:
    with serving_issuers(authority_settings) as served:
        yield served


@pytest.fixture(scope="module")
def new_tenant(
    issuers: Issuers, authority: Authority, authority_maintenance: Maintenance
) -> NewTenant:
    def make() -> SampleTenant:
        code = f"clients-{len(issuers.tenants)}"
        with authority_maintenance.store() as store:
            row = store.tenants.create(code=code, display_name=code)
        tenant = SampleTenant(authority, row)
        issuers.secrets[code] = make_clients(tenant)
        issuers.tenants[code] = row.id
        return tenant

    return make


@pytest.fixture(scope="module")
def tenants(new_tenant: NewTenant) -> tuple[SampleTenant, SampleTenant]:
    """Two tenants, in which each case has a person of its own."""
    return new_tenant(), new_tenant()


@pytest.fixture(autouse=True)
def _oauthlib_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    # Else OAuthLib raises a warning when an issuer grants fewer scopes.
    monkeypatch.setenv("OAUTHLIB_RELAX_TOKEN_SCOPE", "1")


@pytest.fixture
def stage_for(
    tenants: tuple[SampleTenant, SampleTenant],
    new_tenant: NewTenant,
    issuers: Issuers,
    authority_maintenance: Maintenance,
    authority_clock: Clock,
) -> Iterator[NewStage]:
    stages: list[Stage] = []

    def make(case: Case, kind: type[Driver]) -> Stage:
        stage = Stage(
            kind=kind,
            issuers=issuers,
            tenant=new_tenant() if case.is_alone else tenants[0],
            other_tenant=tenants[1],
            maintenance=authority_maintenance,
            clock=authority_clock,
        )
        stages.append(stage)
        return stage

    yield make
    for stage in stages:
        stage.close()


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        pytest.param(case, kind, id=f"{case.flow}-{case.name}-{kind.name}")
        for case in CASES
        for kind in case.drivers
    ],
)
def test_a_client_has_the_result_of_the_table(
    case: Case, kind: type[Driver], stage_for: NewStage
) -> None:
    assert case.play(stage_for(case, kind)) == case.expected
