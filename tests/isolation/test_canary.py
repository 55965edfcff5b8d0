"""A raw secret leaves no trace. The server may log whatever it is sent instead."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from authority_queries import (
    Authority,
)
from tests.isolation.secret_failures import (
    ALONE,
    RAW_FOR_HASH,
    REFUSED,
    TRAPS,
)
from tests.isolation.secret_stage import Stage
from tests.isolation.services import SyncService, running, settings_for
from tests.isolation.witness import set_for_database
from tests.stores import Logins

TOLD_BY_PYTHON = ("error", "log", "warnings")


@pytest.fixture(params=["sync", "async"])
def service(request: pytest.FixtureRequest) -> Iterator[SyncService]:
    yield from running(request.param)


@pytest.fixture
def stage(logins: Logins, dba: "psycopg.Connection[Any]") -> Stage:
    return Stage.of(logins, dba)


@pytest.mark.one_version
def test_a_raw_secret_leaves_no_trace(service: SyncService, stage: Stage) -> None:
    settings = settings_for(stage.logins.app, statement_timeout=0.5)
    with stage.witness.watching(), service.open(settings) as authority:
        stage.misuse_without_a_store()
        outcomes = stage.succeed(authority)
        stage.fail(authority, RAW_FOR_HASH | REFUSED)
        stage.fail(authority, ALONE, autocommit=True)
        for trap in TRAPS:
            stage.spring(authority, trap)
        stage.find_no_tenant(authority)
    of_grants = {"issued", "redeemed", "reused", "invalid"}
    of_devices = {"created", "authorization_pending", "approved"}
    of_keys = {"signing", "next", "rotated", "compromised"}
    of_factors = {"enrolled", "confirmed", "step_used", "replaced", "accepted"}
    assert outcomes == of_grants | of_devices | of_keys | of_factors
    witness, mine = stage.witness, stage.mine
    witness.look_at_data()
    witness.note("server log", stage.server_log.read())
    assert witness.leaks(mine.raw()) == set()
    assert witness.leaks(mine.kept(), *TOLD_BY_PYTHON, "repr", "activity") == set()
    assert witness.leaks(mine.values(), *TOLD_BY_PYTHON, "activity") == set()
    # The search covered the places where rows are known to be.
    everywhere = witness.leaks(mine.values(), "server log", "tables", "dump")
    assert len(everywhere) == 3 * len(mine.values())


# The settings that the documentation names.
SILENT = dict(
    re.findall(
        r"alter role auth_service set (\S+) = (\S+);",
        (Path(__file__).parents[2] / "docs" / "secrets.md").read_text(),
    )
)
# auto_explain shows a plan's constants, whatever the settings of parameters.
EXPLAINED = {name: SILENT[name] for name in SILENT if "min_duration" not in name}
EVERYTHING = {"hash", "PHC", "email", "note"}


@pytest.mark.parametrize(
    ("settings", "seen"), [({}, EVERYTHING), (EXPLAINED, EVERYTHING), (SILENT, set())]
)
def test_a_server_logs_what_it_is_sent_by_default(
    stage: Stage, settings: dict[str, str], seen: set[str]
) -> None:
    for name, value in settings.items():
        set_for_database(stage.dba, name, value)
    with Authority.open(settings_for(stage.logins.app)) as authority:
        stage.succeed(authority)
        stage.fail(authority, {"twice": REFUSED["a licence key twice"]})
    told, mine = stage.server_log.read(), stage.mine
    assert b"/* users.create */" in told
    found = [canary for canary in mine.kept() + mine.values() if canary.is_in(told)]
    assert {canary.name.split()[0] for canary in found} == seen


def test_the_server_is_told_not_to_repeat_parameters_in_errors(
    service: SyncService, stage: Stage
) -> None:
    name = "log_parameter_max_length_on_error"
    set_for_database(stage.dba, name, "-1")
    loud = make_conninfo(stage.logins.app, options=f"-c {name}=7")
    for conninfo, value in ((stage.logins.app, "0"), (loud, "7B")):
        with (
            service.open(settings_for(conninfo)) as authority,
            authority.tenant(stage.mine.tenant_id) as store,
        ):
            shown = store.connection.execute(f"show {name}".encode())
            assert shown.fetchone() == (value,)
