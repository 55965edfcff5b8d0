"""docs/switching_over.md: its commands run in order and print what the page shows."""

import json
import os
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from authority_queries import hash_password
from authority_queries.cli import main
from authority_queries.service.migrations import yoyo_url
from tests.operations.moving import Place

pytestmark = pytest.mark.one_version

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "switching_over.md"
_BLOCK: Final = r"((?:(?!```).*\n)*)```"
_STEP: Final = re.compile(rf"^```sh\n{_BLOCK}\n\n```text\n{_BLOCK}", re.MULTILINE)
LONG_AGO: Final = datetime(2024, 5, 6, tzinfo=UTC)
YESTERDAY: Final = datetime.now(UTC) - timedelta(days=1)


def steps() -> Iterator[tuple[list[str], str]]:
    """Each command of the page that shows what it prints."""
    for commands, printed in _STEP.findall(PAGE.read_text()):
        (command,) = commands.strip().splitlines()
        yield shlex.split(command), printed


def plain(text: str) -> list[str]:
    """The lines without their times, which differ from run to run."""
    return re.sub(r"\d+\.\d s\b", "some s", text).strip().splitlines()


class OldStore:
    """The other store, as its export in the portable form."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._users: dict[str, dict[str, object]] = {}

    def put(self, name: str, password: str, changed: datetime) -> None:
        self._users[name] = {
            "tenant": "acme",
            "kind": "user",
            "subject_id": f"id-of-{name}",
            "username": name,
            "password_hash": hash_password(password),
            "created_at": LONG_AGO.isoformat(),
            "updated_at": changed.isoformat(),
        }
        self._write()

    def remove(self, name: str) -> None:
        del self._users[name]
        self._write()

    def _write(self) -> None:
        tenant = {"tenant": "acme", "kind": "tenant", "code": "acme"}
        lines = [{**tenant, "display_name": "Acme"}, *self._users.values()]
        self._file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def run(command: list[str]) -> int:
    """Run a command line of the page as a shell does, but for a redirection."""
    words = [os.path.expandvars(word) for word in command if word != ">"]
    if ">" in command:
        words.pop()
    with pytest.MonkeyPatch.context() as patch:
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            patch.setenv(name, value)
        assert words.pop(0) == "authority"
        return main(words)


def test_the_steps_print_what_the_page_shows(
    home: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    variables = {
        "SOURCE": "jsonl:old.jsonl",
        "AUTHORITY_DATABASE_URL": yoyo_url(home.owner),
        "OPERATOR_URL": yoyo_url(home.logins.maintenance),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "known.jsonl").write_text(
        json.dumps({"username": "ann", "password": "new horse", "tenant": "acme"})
    )
    old = OldStore(tmp_path / "old.jsonl")
    for name in ("ann", "bob"):
        old.put(name, "old horse", LONG_AGO)
    codes = []
    for number, (command, printed) in enumerate(steps()):
        if number == 3:  # until the freeze, the old store changes
            old.put("ann", "new horse", YESTERDAY)
            old.put("eve", "eve's horse", YESTERDAY)
            old.remove("bob")
        codes.append(run(command))
        out, err = capfd.readouterr()
        if ">" in command:
            out = ""
        assert plain(out + err) == plain(printed), shlex.join(command)
    assert codes == [0, 0, 0, 0, 1, 0, 0, 0]
