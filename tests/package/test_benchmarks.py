"""The results of benchmarks are listed, named, and quoted without a change."""

import re
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.pages import PAGES, ROOT, with_quotations

FOLDER = ROOT / "benchmarks"

pytestmark = pytest.mark.one_version


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_a_page_quotes_the_results_as_they_are(page: Path) -> None:
    text = page.read_text()
    assert "<!-- quoted: " in text
    # Else: python -m benchmarks.pages.
    assert with_quotations(text) == text


def test_every_benchmark_can_be_run_and_is_explained() -> None:
    results = {
        path.stem for path in [*FOLDER.glob("*.txt"), *FOLDER.glob("results/*.txt")]
    } - {"requirements"}
    assert results == set(BENCHMARKS)
    explained = re.findall(r"^## `(\w+)`", (FOLDER / "README.md").read_text(), re.M)
    assert sorted(explained) == sorted(BENCHMARKS)
