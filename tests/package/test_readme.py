"""The README's code runs, and its table is complete."""

import re
from pathlib import Path

import pytest

from authority_queries._resources import QUERIES
from authority_queries.migrations import yoyo_url
from authority_queries.settings import Settings

README = (Path(__file__).resolve().parent.parent.parent / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("code", BLOCKS, ids=["sync", "async", "feed", "functions"])
def test_the_code_runs(
    code: str, both_roles: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(both_roles))
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102 -- our own README


def test_every_query_file_is_in_the_table() -> None:
    named = set(re.findall(r"`queries/(\w+)\.sql` \| `store\.(\w+)`", README))
    assert named == {(path.stem, path.stem) for path in QUERIES.glob("*.sql")}


def test_every_setting_is_in_the_table() -> None:
    named = set(re.findall(r"`AUTHORITY_(\w+)`", README))
    assert {field.upper() for field in Settings.model_fields} <= named
