"""`authority compare`: its exit codes, its report, and what no output may have."""

import json
import re
from pathlib import Path
from typing import TypeAlias

import pytest

from authority_queries.cli import main
from authority_queries.importing.comparing.rules import RULES
from authority_queries.importing.entries import AnyEntry
from authority_queries.service.migrations import yoyo_url
from tests.importing.damages import BCRYPT_HASH
from tests.importing.memory import (
    EVERY_KIND,
    PASSWORD_HASH,
    client,
    digest,
    tenant,
    token,
    user,
)
from tests.operations.moving import Place

pytestmark = pytest.mark.one_version

Capture: TypeAlias = pytest.CaptureFixture[str]

PASSWORD = "swordfish"
TOKEN = "a-string-of-the-other-store"
ACME = (
    tenant(),
    client(),
    user("ann", password_hash=PASSWORD_HASH),
    user("bob", password_hash=BCRYPT_HASH),
    token(TOKEN, user="bob"),
)


@pytest.fixture(autouse=True)
def _owner(home: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(home.owner))
    monkeypatch.chdir(tmp_path)


def source(name: str, *entries: AnyEntry) -> str:
    """Write the entries in the portable form, and return them as a source."""
    lines = (
        json.dumps({"tenant": name, **json.loads(entry.model_dump_json())})
        for entry in entries
    )
    Path(f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return f"jsonl:{name}.jsonl"


def written(name: str, *lines: object) -> str:
    texts = (each if isinstance(each, str) else json.dumps(each) for each in lines)
    Path(name).write_text("\n".join(texts))
    return name


def test_rows_that_are_the_same_exit_with_0(capsys: Capture) -> None:
    acme = source("acme", *EVERY_KIND)
    assert main(["import", acme, "--quiet"]) == 0
    capsys.readouterr()
    assert main(["compare", acme, "--full"]) == 0
    captured = capsys.readouterr()
    assert "The rows here are those of the source. Rules explain" in captured.out
    assert captured.err.startswith("acme.jsonl: ")
    assert main(["compare", acme, "--sample", "3", "--seed", "7", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_known_passwords_and_tokens_are_tried(capsys: Capture) -> None:
    known = source("known", tenant("known"), *ACME[1:])
    assert main(["import", known, "--quiet"]) == 0
    people = written(
        "people",
        {"username": "Bob", "password": PASSWORD},
        "",
        {"username": "ann", "password": PASSWORD},
        {"username": "nobody", "password": PASSWORD},
        {"username": "bob", "password": PASSWORD, "tenant": "elsewhere"},
    )
    strings = written("strings", TOKEN, {"token": "another-string"})
    files = ["--sign-in", people, "--tokens", strings, "--tenant", "known"]
    capsys.readouterr()
    assert main(["compare", known, *files, "--report", "r.html", "--quiet"]) == 1
    captured = capsys.readouterr()
    assert "1 of 4 passwords verify here\n1 of 2 tokens verify here" in captured.out
    assert captured.err.splitlines() == [
        "authority: passwords, line 3, tenant known: the password does not match the "
        "hash",
        "authority: passwords, line 4, tenant known: no such user",
        "authority: passwords, line 5, tenant elsewhere: no such user",
        "authority: tokens, line 2, tenant known: no such token",
    ]
    report = json.loads(Path("r.json").read_text())
    assert (report["is_same"], report["unexplained"]) == (False, 0)
    page = Path("r.html").read_text()
    assert "4 checks failed." in page
    everything = f"{captured}{report}{page}"
    hashes = (PASSWORD_HASH, BCRYPT_HASH, digest(TOKEN).hex())
    for secret in (PASSWORD, TOKEN, "another-string", *hashes):
        assert secret not in everything


def test_differences_exit_with_1_and_are_in_both_reports(capsys: Capture) -> None:
    before = source("fox", tenant("fox"), client(), user("ann"), user("bob"))
    assert main(["import", before, "--quiet", "--journal", "j"]) == 0
    after = source("fox", tenant("fox"), client(), user("ann", email="a@b.test"))
    capsys.readouterr()
    assert main(["compare", after, "--quiet", "--full", "--report", "fox"]) == 1
    captured = capsys.readouterr()
    assert "No rule explains 2 differences." in captured.out
    assert captured.err.splitlines() == [
        "authority: fox user fox.jsonl line 3: email differs",
        "authority: fox user bob: only here",
    ]
    report = json.loads(Path("fox.json").read_text())
    assert report["unexplained"] == 2
    assert report["rules"].keys() >= {"row of the system", "set by the import"}
    page = Path("fox.html").read_text()
    assert "a@b.test" in page
    assert "Executed by" in page


def test_a_refused_document_is_explained_by_the_journal(capsys: Capture) -> None:
    text = source("owl", tenant("owl"), user("ann"), user("Ann", username="ANN"))
    assert main(["import", text, "--quiet", "--journal", "j"]) == 1
    assert main(["compare", text, "--quiet"]) == 1
    capsys.readouterr()
    assert main(["compare", text, "--quiet", "--journal", "j"]) == 0
    assert "refused by the import" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sample", "-1"], "--sample must be 0 or more, not -1"),
        (["--sign-in", "nowhere"], "nowhere cannot be read: No such file or directory"),
        (["--in-use"], "--in-use needs the --journal of the last import"),
        (["--journal", "nowhere"], "the journal nowhere cannot be opened"),
        (["--sign-in", "bad"], "line 1 must be a JSON object with texts: username"),
        (["--tokens", "bad"], "line 1 names no tenant"),
    ],
)
def test_wrong_use_exits_with_2_and_repeats_nothing(
    options: list[str], message: str, capsys: Capture
) -> None:
    written("bad", f"swordfish-{'x' * 30}")
    assert main(["compare", source("gnu", tenant("gnu")), *options]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert PASSWORD not in said


def test_what_cannot_be_compared_exits_with_3(
    home: Place, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    assert main(["compare", "jsonl:nowhere.jsonl"]) == 3
    gnu = source("gnu", tenant("gnu"))
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(home.logins.reader))
    capsys.readouterr()
    assert main(["compare", gnu]) == 3
    assert "as the owner of the database" in capsys.readouterr().err
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", "postgresql://127.0.0.1:1/none")
    assert main(["compare", gnu]) == 3


def test_the_page_of_comparisons_has_every_rule() -> None:
    page = Path(__file__).parents[2] / "docs" / "verification.md"
    listed = re.findall(r"^\| ([a-z -]+) \| (.+) \|$", page.read_text(), re.M)
    assert [(name, text) for name, text in listed if name in RULES] == [*RULES.items()]
