"""`authority import`, its report, and what no output may have."""

import json
import re
import signal
import subprocess
import sys
import time
from html import unescape
from pathlib import Path
from typing import Final, TypeAlias
from uuid import UUID

import pytest

from authority_queries.cli import main
from authority_queries.importing.entries import AnyEntry, ClientSecretEntry
from tests.importing.memory import (
    EVERY_KIND,
    PASSWORD_HASH,
    SECRET_HASH,
    client,
    digest,
    tenant,
    user,
)
from tests.operations.moving import Place

pytestmark = pytest.mark.one_version
ROOT: Final = Path(__file__).resolve().parents[2]
Capture: TypeAlias = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _owner(home: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    url = home.settings("owner").database_url
    assert url is not None
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", url.get_secret_value())
    monkeypatch.chdir(tmp_path)


def lines(*entries: AnyEntry, code: str) -> str:
    """The entries in the portable form."""
    found = (json.loads(entry.model_dump_json()) for entry in entries)
    return "".join(f"{json.dumps({'tenant': code, **entry})}\n" for entry in found)


def write(name: str, text: str) -> str:
    """Write a file, and return it as a source."""
    Path(name).write_text(text, encoding="utf-8")
    return f"jsonl:{name}"


def test_a_file_is_imported_with_a_report(capsys: Capture) -> None:
    source = write("acme.jsonl", lines(*EVERY_KIND, code="acme"))
    assert main(["import", source, "--report", "report", "--batch-size", "7"]) == 0
    captured = capsys.readouterr()
    count = len(EVERY_KIND)
    assert [count, count, 0, 0, 0] == [
        int(word) for word in captured.out.splitlines()[2].split()[1:]
    ]
    assert captured.err.startswith(f"acme.jsonl: {count}, ")
    report = json.loads(Path("report.json").read_text())
    assert report["is_complete"]
    assert report["refused"] == []
    [collection] = report["collections"]
    assert (collection["read"], collection["created"]["user"]) == (count, 1)
    assert report["login"].startswith("authority_test_owner_")
    page = Path("report.html").read_text()
    assert "All documents were imported." in page
    assert "Executed by" in page
    # Again: all rows exist.
    assert main(["import", source, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_refused_documents_are_a_finding(capsys: Capture) -> None:
    """Each is on stderr and in both reports, with its reason."""
    text = lines(tenant("fox"), user("bad", email="<b>"), user("ok"), code="fox")
    source = write("fox.jsonl", text)
    assert main(["import", source, "--quiet", "--report", "fox.html"]) == 1
    said = capsys.readouterr().err
    reason = "email must be one address of at most 254 characters"
    assert said.startswith(f"authority: fox.jsonl line 2: {reason}")
    [refused] = json.loads(Path("fox.json").read_text())["refused"]
    assert refused["collection"] == "fox.jsonl"
    assert refused["id"] == "line 2"
    assert refused["reason"].startswith(reason)
    page = unescape(Path("fox.html").read_text())
    assert "All documents were read, and 1 of them refused." in page
    assert reason in page


def test_a_dry_run_writes_no_journal(capsys: Capture, home: Place) -> None:
    source = write("dry.jsonl", lines(tenant("dry"), user("ann"), code="dry"))
    assert main(["import", source, "--dry-run", "--report", "dry"]) == 0
    assert capsys.readouterr().out.endswith("A dry run: nothing was written.\n")
    assert "Dry run of an import" in Path("dry.html").read_text()
    assert not Path("authority-import.journal").exists()
    query = b"select from authority.tenants where code = 'dry'"
    assert home.dba.execute(query).fetchall() == []


def test_no_output_has_a_secret(capsys: Capture) -> None:
    """Of documents that are imported, and of those that each check refuses."""
    secrets = (PASSWORD_HASH, SECRET_HASH, "plain-password", "spoken-secret")
    held = (
        *EVERY_KIND,
        user("x", password_hash="plain-password"),
        user("y", username="\u202espoken-secret"),
        user("z", attributes={"\x00": "spoken-secret"}),
        ClientSecretEntry(id=UUID(int=9), client="web", secret_hash="plain-password"),
    )
    source = write("all.jsonl", lines(*held, code="acme"))
    assert main(["import", source, "--report", "all"]) == 1
    captured = capsys.readouterr()
    texts = [captured.out, captured.err]
    texts += [
        Path(name).read_text()
        for name in ("all.json", "all.html", "authority-import.journal")
    ]
    assert all("password_hash must be" in text for text in texts[1:])
    octets = [digest("a").hex(), digest("key").hex()]
    found = [one for one in (*secrets, *octets) for text in texts if one in text]
    assert found == []


def test_wrong_use(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def said(*arguments: str) -> str:
        assert main(["import", *arguments]) == 2
        return capsys.readouterr().err

    assert "AUTHORITY_SOURCE_URL" in said("jsonl")
    unknown = said("csvv:x")
    assert "'csvv' is no kind of source: write KIND:LOCATION. Kinds: auth0," in unknown
    assert "'users.csv' is no kind of source" in said("users.csv")
    source = write("a.jsonl", lines(tenant("a"), code="a"))
    assert "cannot be opened" in said(source, "--resume")
    assert "batch_size must be 1 or more" in said(source, "--batch-size", "0")
    assert "cannot read by time" in said(source, "--since", "2026-01-01")
    # A source may be named by the variable.
    monkeypatch.setenv("AUTHORITY_SOURCE_URL", "a.jsonl")
    assert main(["import", "jsonl"]) == 0


def test_a_signal_ends_the_import_after_its_batch(home: Place) -> None:
    """It goes on with --resume."""
    count = 3000
    users = (user(f"u{number}") for number in range(count))
    source = write("big.jsonl", lines(tenant("big"), client(), *users, code="big"))
    command = [sys.executable, "-m", "authority_queries", "import", source]
    process = subprocess.Popen(
        [*command, "--batch-size", "2"], stderr=subprocess.PIPE, text=True
    )
    journal = Path("authority-import.journal")
    end = time.monotonic() + 60
    while not (journal.exists() and journal.read_text().count("\n") > 2):
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (
        128 + signal.SIGTERM,
        "authority: stopped: go on with --resume\n",
    )
    assert main(["import", source, "--resume", "--quiet"]) == 0
    query = (
        b"select count(*) from authority.users inner join authority.tenants "
        b"on users.tenant_id = tenants.id where tenants.code = 'big'"
    )
    assert home.dba.execute(query).fetchall() == [(count,)]


def _names(row: str) -> list[str]:
    return re.findall(r"`([^`]+)`", row)


def test_the_page_names_every_option(capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["import", "--help"])
    options = set(re.findall(r"(--[a-z-]+)", capsys.readouterr().out)) - {"--help"}
    page = (ROOT / "docs" / "importing.md").read_text()
    table = page.partition("| Option | Meaning |\n")[2].partition("\n\n")[0]
    named = {name.split()[0] for row in table.splitlines()[1:] for name in _names(row)}
    assert named >= options
