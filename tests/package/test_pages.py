"""The project's pages: their code runs, their tables and links are complete."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

import pytest

from authority_queries import Settings
from authority_queries.records import (
    CodeIssuanceOutcome,
    DevicePollOutcome,
    RecoveryCodeReplacementOutcome,
    RecoveryCodeUseOutcome,
    RedemptionOutcome,
    TotpConfirmationOutcome,
    TotpEnrollmentOutcome,
    TotpUseOutcome,
    WebauthnEnrollmentOutcome,
    WebauthnUseOutcome,
)
from authority_queries.service.migrations import yoyo_url

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "benchmarks" / "README.md",
]
_PYTHON: Final = re.compile(r"(?<=^```python\n)(.*?)(?=^```)", re.DOTALL | re.MULTILINE)
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")


def code_of(page: Path) -> str:
    """Return the page's Python code, with the page's line numbers."""
    text = page.read_text()
    kept = {
        number
        for found in _PYTHON.finditer(text)
        for number in range(
            text.count("\n", 0, found.start()), text.count("\n", 0, found.end())
        )
    }
    lines = text.splitlines()
    return "\n".join(
        line if number in kept else "" for number, line in enumerate(lines)
    )


# tests/codegen/test_docs.py generates the query of that page.
ELSEWHERE: Final = {"adding_a_query.md"}
RUN: Final = [
    page for page in PAGES if page.name not in ELSEWHERE and code_of(page).strip()
]


@pytest.mark.parametrize("page", RUN, ids=[page.name for page in RUN])
def test_the_code_of_a_page_runs(
    page: Path, both_roles: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(both_roles))
    exec(compile(code_of(page), str(page), "exec"), {})  # noqa: S102 -- our own pages


def test_pages_with_code_are_among_those_that_run() -> None:
    names = {page.name for page in RUN}
    assert names >= {"README.md", "python.md", "oauth.md", "tenant_isolation.md"}


def home() -> str:
    """Return the repository's URL for files."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    address: str = project["urls"]["Repository"]
    return f"{address}/blob/main/"


def anchors_of(page: Path) -> set[str]:
    """Return GitHub's anchors for the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


def broken_links(page: Path) -> Iterator[str]:
    for link in _LINK.findall(page.read_text()):
        if link.startswith(("http://", "https://")) and not link.startswith(home()):
            continue
        path, _, anchor = link.removeprefix(home()).partition("#")
        folder = ROOT if link.startswith(home()) else page.parent
        target = folder / path if path else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=[str(p.relative_to(ROOT)) for p in PAGES])
def test_the_links_of_a_page_have_targets(page: Path) -> None:
    assert list(broken_links(page)) == []


def test_the_readme_reads_on_pypi_too() -> None:
    text = (ROOT / "README.md").read_text()
    assert [
        link for link in _LINK.findall(text) if not link.startswith("https://")
    ] == []
    assert "```mermaid" not in text
    assert text.count("\n") <= 100


def test_every_file_that_the_architecture_names_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    named = set(re.findall(r"`([a-z]\w*(?:/\w+)*(?:/|\.py|\.sql|\.txt))`", text))
    places = (ROOT, ROOT / "authority_queries")
    assert len(named) > 40
    missing = [name for name in named if not any((p / name).exists() for p in places)]
    assert sorted(missing) == []


def test_every_page_is_in_the_index() -> None:
    folder = ROOT / "docs"
    linked = set(_LINK.findall((folder / "README.md").read_text()))
    assert {page.name for page in folder.glob("*.md")} - {"README.md"} <= linked


DECISIONS: Final = sorted((ROOT / "docs" / "decisions").glob("0*.md"))


def test_the_index_lists_every_decision() -> None:
    index = (ROOT / "docs" / "decisions" / "README.md").read_text()
    listed = re.findall(r"^(\d+)\. \[(.+?)\]\((.+?)\): [A-Z`].+\.$", index, re.M)
    assert listed == [
        (
            page.name[:4].lstrip("0"),
            page.read_text().splitlines()[0].removeprefix("# "),
            page.name,
        )
        for page in DECISIONS
    ]


@pytest.mark.parametrize("page", DECISIONS, ids=[page.stem for page in DECISIONS])
def test_a_decision_states_context_decision_consequences_and_refusals(
    page: Path,
) -> None:
    assert re.findall(r"^## (.*)$", page.read_text(), re.M) == [
        "Context",
        "Decision",
        "Consequences",
        "What was refused, and why",
    ]


@pytest.mark.parametrize("page", DECISIONS, ids=[page.stem for page in DECISIONS])
def test_the_files_that_a_decision_names_exist(page: Path) -> None:
    named = re.findall(r"`((?:\w+/)+[\w.-]+\.(?:py|sql|txt))`", page.read_text())
    folders = ROOT, ROOT / "authority_queries"
    assert [
        name for name in named if not any((at / name).exists() for at in folders)
    ] == []


def outcomes_of(call: str) -> set[str]:
    """Return the outcomes in the page's table for this call."""
    text = (ROOT / "docs" / "oauth.md").read_text()
    table = text.split(f"| Outcome of `{call}`", 1)[1].split("\n\n", 1)[0]
    rows = table.splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_every_outcome_is_in_a_table() -> None:
    assert outcomes_of("issue_code") == {*get_args(CodeIssuanceOutcome)}
    assert outcomes_of("redeem_code") == {*get_args(RedemptionOutcome)}
    assert outcomes_of("poll") == {*get_args(DevicePollOutcome)}


FACTORS: Final[dict[str, object]] = {
    "recovery_codes.replace": RecoveryCodeReplacementOutcome,
    "recovery_codes.use": RecoveryCodeUseOutcome,
    "totp_credentials.check": TotpUseOutcome,
    "totp_credentials.confirm": TotpConfirmationOutcome,
    "totp_credentials.enroll": TotpEnrollmentOutcome,
    "webauthn_credentials.enroll": WebauthnEnrollmentOutcome,
    "webauthn_credentials.use": WebauthnUseOutcome,
}


def test_every_outcome_of_a_factor_is_in_a_table() -> None:
    text = (ROOT / "docs" / "oauth.md").read_text()
    table = text.partition("| Call | Outcome | Answer |\n|---|---|---|\n")[2]
    rows = table.partition("\n\n")[0].splitlines()
    found: dict[str, set[object]] = {}
    call = ""
    for row in rows[:-1]:
        _, named, outcome, *_ = row.split("|")
        call = named.strip(" `") or call
        found.setdefault(call, {"user_inactive"}).add(outcome.strip(" `"))
    assert "`user_inactive`" in rows[-1]
    assert found == {
        name: {"user_inactive", *get_args(outcome)} for name, outcome in FACTORS.items()
    }


def test_every_query_file_is_in_the_table() -> None:
    text = (ROOT / "docs" / "operating.md").read_text()
    named = set(re.findall(r"`queries/(\w+)\.sql` \| `store\.(\w+)`", text))
    files = (ROOT / "queries").glob("*.sql")
    assert named == {(path.stem, path.stem) for path in files}


def test_every_setting_is_in_the_table() -> None:
    text = (ROOT / "docs" / "operating.md").read_text()
    named = set(re.findall(r"`AUTHORITY_(\w+)`", text))
    assert {field.upper() for field in Settings.model_fields} <= named
