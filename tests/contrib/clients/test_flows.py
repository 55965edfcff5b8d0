"""The table of docs/clients.md, played over HTTP."""

from collections.abc import Iterator

import pytest

from authority_queries import Settings
from authority_queries.testing import Clock
from tests.contrib.clients.cases import Case
from tests.contrib.clients.drivers import Library
from tests.contrib.clients.page import PAGE, TABLED, with_table
from tests.contrib.clients.world import World, played, world_on

pytestmark = pytest.mark.one_version


@pytest.fixture(scope="module")
def world(authority_settings: Settings) -> Iterator[World]:
    with world_on(authority_settings) as served:
        yield served


@played([case for case in TABLED if not case.on_cluster])
def test_a_client_has_the_result_of_the_table(
    case: Case, kind: type[Library], world: World, authority_clock: Clock
) -> None:
    with world.stage(case, kind, authority_clock) as stage:
        assert case.play(stage) == case.expected


def test_clients_find_the_metadata_of_an_issuer_with_a_path(world: World) -> None:
    with world.stage(TABLED[0], TABLED[0].libraries[0]) as stage:
        code, origin = stage.tenant.code, world.issuers.origin
        browser = world.issuers.browser
        for path in (
            f"/.well-known/oauth-authorization-server/{code}",
            f"/.well-known/openid-configuration/{code}",
            f"/{code}/.well-known/oauth-authorization-server",
            f"/{code}/.well-known/openid-configuration",
        ):
            answer = browser.get(origin + path)
            assert answer.json()["issuer"] == f"{origin}/{code}"
            assert answer.headers["access-control-allow-origin"] == "*"
        for path in ("/.well-known/oauth-authorization-server", "/nobody"):
            assert browser.get(origin + path).status_code == 404
        unknown = f"{origin}/.well-known/oauth-authorization-server/nobody"
        assert browser.get(unknown).status_code == 404


def test_the_page_has_the_table() -> None:
    page = PAGE.read_text()
    assert page == with_table(page), "run: python -m tests.contrib.clients"
