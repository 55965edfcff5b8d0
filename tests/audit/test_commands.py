"""`authority audit seal` and `authority audit verify`."""

from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import psycopg
import pytest

from authority_queries import AuditHead
from authority_queries.cli import main
from authority_queries.service.migrations import yoyo_url
from tests.factories import make_tenant, make_user
from tests.stores import Logins, routed_store

Capture: TypeAlias = pytest.CaptureFixture[str]
Dba: TypeAlias = "psycopg.Connection[Any]"


@pytest.fixture
def tenants(
    logins: Logins, dba: Dba, monkeypatch: pytest.MonkeyPatch
) -> tuple[UUID, UUID]:
    """Two tenants with three events each, and an operator's login."""
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(logins.maintenance))
    with routed_store(logins) as store:
        acme, globex = (make_tenant(store, code=code).id for code in ("acme", "globex"))
        dba.execute("delete from authority.audit_events")
        for tenant_id in (acme, globex):
            for _ in range(3):
                make_user(store, tenant_id)
    return acme, globex


def heads(text: str) -> dict[UUID, int]:
    """Return the number of each tenant's head in lines of the command."""
    found = map(AuditHead.parse, text.splitlines())
    return {head.tenant_id: head.number for head in found}


def test_all_tenants_are_sealed_and_verified(
    tenants: tuple[UUID, UUID], capsys: Capture, dba: Dba
) -> None:
    acme, globex = tenants
    assert main(["audit", "verify"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["audit", "seal"]) == 0
    assert capsys.readouterr() == ("6 events sealed\n", "")
    assert main(["audit", "seal", "--quiet"]) == 0
    assert main(["audit", "verify"]) == 0
    captured = capsys.readouterr()
    assert (heads(captured.out), captured.err) == ({acme: 3, globex: 3}, "")
    dba.execute(
        "delete from authority.audit_events where tenant_id = %s and number = 2",
        (acme,),
    )
    assert main(["audit", "verify"]) == 1
    captured = capsys.readouterr()
    assert heads(captured.out) == {globex: 3}
    assert captured.err.endswith(" event 2: event missing\n")
    assert captured.err.startswith(f"authority: {acme} 20")
    assert main(["audit", "verify", "--tenant", "globex"]) == 0
    assert main(["audit", "verify", "--tenant", str(acme)]) == 1
    assert main(["audit", "verify", "--tenant", "initech"]) == 1


def test_a_chain_is_compared_with_kept_heads(
    tenants: tuple[UUID, UUID], capsys: Capture, dba: Dba, tmp_path: Path
) -> None:
    main(["audit", "seal", "--quiet"])
    main(["audit", "verify"])
    kept = tmp_path / "heads.txt"
    kept.write_text(capsys.readouterr().out)
    assert main(["audit", "verify", "--heads", str(kept)]) == 0
    dba.execute("update authority.audit_events set number = null, seal = null")
    dba.execute("delete from authority.audit_chains")
    dba.execute(
        "update authority.audit_events set action = 'x' where tenant_id = %s",
        (tenants[0],),
    )
    main(["audit", "seal", "--quiet"])
    assert main(["audit", "verify"]) == 0
    capsys.readouterr()
    assert main(["audit", "verify", "--heads", str(kept)]) == 1
    captured = capsys.readouterr()
    assert captured.err.endswith(" event 3: head changed\n")
    assert heads(captured.out) == {tenants[1]: 3}
    gone = kept.read_text().replace(str(tenants[0]), str(UUID(int=1)))
    kept.write_text(gone)
    assert main(["audit", "verify", "--heads", str(kept)]) == 1
    told = f"authority: {UUID(int=1)}: no such tenant any more\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("line", ["nonsense", "a b c d", "\xff"])
def test_a_file_without_heads_is_wrong_use(
    tenants: tuple[UUID, UUID], capsys: Capture, tmp_path: Path, line: str
) -> None:
    file = tmp_path / "heads.txt"
    file.write_text(line, encoding="latin-1")
    assert main(["audit", "verify", "--heads", str(file)]) == 2
    assert main(["audit", "verify", "--heads", str(tmp_path / "none")]) == 2
    told = capsys.readouterr().err
    assert told.count("authority: --heads: the file cannot be read, or a line") == 2
    assert tenants
