"""docs/importing.md: its table of sources has each kind, once and in order."""

import re
from pathlib import Path
from typing import Final

import pytest

from authority_queries.importing.sources import KINDS

pytestmark = pytest.mark.one_version

DOCS: Final = Path(__file__).parents[2] / "docs"
_ROW: Final = re.compile(r"^\| `([a-z0-9-]+)` \|.*\| \[[^]]+\]\((\w+\.md)[^)]*\) \|$")


def test_the_table_of_sources_is_complete() -> None:
    page = (DOCS / "importing.md").read_text()
    section = page.partition("\n## Sources\n")[2].partition("\n## ")[0]
    rows = [_ROW.match(line) for line in section.splitlines()]
    found = {row[1]: row[2] for row in rows if row is not None}
    assert tuple(found) == KINDS
    # The page that a row names describes that kind.
    for kind, name in found.items():
        assert re.search(rf"`?\b{kind}\b[`:]", (DOCS / name).read_text()), kind
