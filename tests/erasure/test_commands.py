"""`authority erase` and `authority export`."""

import json
import re
from typing import TypeAlias

import pytest

from authority_queries.cli import main
from authority_queries.service.migrations import yoyo_url
from tests.erasure.world import World
from tests.stores import Logins

Capture: TypeAlias = pytest.CaptureFixture[str]
ANN = ["user", "--tenant", "acme", "--user", "ANN"]


@pytest.fixture
def operator(logins: Logins, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(logins.maintenance))


@pytest.mark.usefixtures("operator")
def test_a_user_is_erased_by_name(world: World, capsys: Capture) -> None:
    assert main(["erase", *ANN, "--feed-for", "0", "--batch-size", "2"]) == 0
    captured = capsys.readouterr()
    assert re.search(r"^users +1 +2$", captured.out, re.M)
    assert re.search(r"^login_attempts +8 +4$", captured.out, re.M)
    assert "login_attempts: 8 rows, 4 batches, " in captured.err
    assert not [row for row in world.rows_of(world.own) if row.names(world.names)]
    assert main(["erase", *ANN]) == 1
    assert capsys.readouterr().err == (
        "authority: no such user: name it by its id or by its exact name\n"
    )


@pytest.mark.usefixtures("operator")
def test_a_trace_is_a_finding(world: World, capsys: Capture) -> None:
    world.dba.execute('update authority.scopes set properties = \'{"owner": "ann"}\'')
    assert main(["erase", *ANN, "--quiet"]) == 1
    said = capsys.readouterr().err
    assert re.fullmatch(
        r"(authority: \d+ rows still name the user: "
        r"(scopes.properties|audit_events.changes)\n){2}",
        said,
    )


@pytest.mark.usefixtures("operator")
def test_a_tenant_is_erased_when_it_is_terminated(
    world: World, capsys: Capture
) -> None:
    assert main(["erase", "tenant", "acme"]) == 1
    assert capsys.readouterr().err == (
        "authority: erasures.erase_tenant: the tenant is not terminated: terminate it "
        "first\n"
    )
    world.dba.execute("update authority.tenants set status = 'terminated'")
    assert main(["erase", "tenant", "acme"]) == 0
    assert re.search(r"^tenants +1 +1$", capsys.readouterr().out, re.M)
    assert world.rows_of(world.own) == []
    assert world.rows_of(world.foreign) != []
    # By its id, a run can be repeated.
    assert main(["erase", "tenant", str(world.own)]) == 0
    assert main(["erase", "tenant", "acme"]) == 1


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--batch-size", "0"], "batch_size must be 1 to 100000"),
        (["--feed-for", "-1"], "--feed-for must be 0 to 36525 days, not -1.0"),
        (["--feed-for", "nan"], "--feed-for must be 0 to 36525 days, not nan"),
    ],
)
def test_wrong_use_is_refused(
    world: World, capsys: Capture, arguments: list[str], said: str
) -> None:
    before = len(world.rows_of(world.own))
    assert main(["erase", *ANN, *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"authority: {said}")
    assert len(world.rows_of(world.own)) == before


def test_an_export_is_read_back(
    world: World, logins: Logins, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(logins.reader))
    assert main(["export", *ANN]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for line in lines:
        # The row that the line makes has the values of one stored row.
        table = f"authority.{line['table']}"
        both = [
            ", ".join(f"{one}.{name}" for name in line["row"]) for one in ("a", "b")
        ]
        found = world.dba.execute(
            f"select count(*) from {table} as a, "  # noqa: S608 -- our own
            f"jsonb_populate_record(null::{table}, %s) as b "
            f"where ({both[0]}) is not distinct from ({both[1]})".encode(),
            (json.dumps(line["row"]),),
        ).fetchone()
        assert found == (1,), line
    assert len(lines) > 30
    assert main(["export", "tenant", "acme"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > len(lines)
    assert main(["export", "tenant", "nobody"]) == 1
    assert main(["export", "user", "--tenant", "acme", "--user", "nobody"]) == 1
