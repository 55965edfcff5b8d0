"""The code of the README and of docs/oauth.md runs, and their tables are complete."""

import re
from pathlib import Path
from typing import get_args

import pytest

from authority_queries.records import (
    CodeIssuanceOutcome,
    DevicePollOutcome,
    RedemptionOutcome,
)
from authority_queries.resources import QUERIES
from authority_queries.service.migrations import yoyo_url
from authority_queries.service.settings import Settings

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text()
OAUTH = (ROOT / "docs" / "oauth.md").read_text()
PYTHON = re.compile(r"```python\n(.*?)```", flags=re.DOTALL)


def table_of(call: str) -> set[str]:
    """Give the outcomes that the page's table for this call has a row for."""
    table = OAUTH.split(f"| Outcome of `{call}`", 1)[1].split("\n\n", 1)[0]
    rows = table.splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


@pytest.mark.parametrize(
    "code",
    [*PYTHON.findall(README), "".join(PYTHON.findall(OAUTH))],
    ids=["sync", "async", "feed", "functions", "oauth"],
)
def test_the_code_runs(
    code: str, both_roles: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(both_roles))
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102 -- our own README


def test_every_outcome_is_in_a_table() -> None:
    assert table_of("issue_code") == {*get_args(CodeIssuanceOutcome)}
    assert table_of("redeem_code") == {*get_args(RedemptionOutcome)}
    assert table_of("poll") == {*get_args(DevicePollOutcome)}


def test_every_query_file_is_in_the_table() -> None:
    named = set(re.findall(r"`queries/(\w+)\.sql` \| `store\.(\w+)`", README))
    assert named == {(path.stem, path.stem) for path in QUERIES.glob("*.sql")}


def test_every_setting_is_in_the_table() -> None:
    named = set(re.findall(r"`AUTHORITY_(\w+)`", README))
    assert {field.upper() for field in Settings.model_fields} <= named
