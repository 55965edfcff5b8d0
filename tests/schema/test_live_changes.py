"""Migrations that come after a release change a live system without long waits."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from authority_queries.resources import MIGRATIONS
from authority_queries.service.backfill_reports import Pace
from authority_queries.service.backfills import Backfill
from authority_queries.service.migrations import packaged_migrations
from tests.conftest import Databases
from tests.isolation.matrix.world import FOREIGN, OWN, fill
from tests.schema.__main__ import show
from tests.schema.live_faults import HEAD, PLANTS, Plant
from tests.schema.live_rules import faults
from tests.schema.observing import Observed, observe
from tests.upgrades.releases import released

pytestmark = pytest.mark.one_version

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "migrations.md"
SQUAWK: Final = Path(sys.executable).with_name("squawk")


@pytest.fixture(scope="module")
def filled(all_databases: Databases, template: str) -> Iterator[str]:
    """The name of a database with two tenants that have a row in every table."""
    with all_databases.copy_of(template) as conninfo:
        with psycopg.connect(conninfo) as dba:
            fill(dba, code=OWN, extent=1, ids="aaaaaaaa")
            fill(dba, code=FOREIGN, extent=2, ids="ffffffff")
        yield str(conninfo_to_dict(conninfo)["dbname"])


@pytest.fixture
def live(all_databases: Databases, filled: str) -> Iterator[str]:
    """The connection string of the test's own database with rows."""
    with all_databases.copy_of(filled) as conninfo:
        yield conninfo


def written(plant: Plant, folder: Path) -> Path:
    file = folder / "9999_planted.sql"
    file.write_text(f"{plant.head}{plant.sql}\n")
    return file


@pytest.mark.parametrize("plant", PLANTS, ids=[plant.name for plant in PLANTS])
def test_a_planted_migration_is_judged_by_what_it_does(
    plant: Plant, live: str, tmp_path: Path
) -> None:
    if plant.before:
        with psycopg.connect(live) as dba:
            dba.execute(plant.before.encode())
    found = faults(observe(live, written(plant, tmp_path)))
    if plant.fault is None:
        assert found == []
    else:
        assert any(re.match(plant.fault, fault) for fault in found), found


def squawked(*files: Path) -> dict[Path, set[str]]:
    """Return the rules of squawk that refuse each file."""
    command = [str(one) for one in (SQUAWK, "--reporter", "gcc", *files)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    found: dict[Path, set[str]] = {file: set() for file in files}
    for line in done.stdout.splitlines():
        if rule := re.match(r"(.+?):\d+:\d+: (?:warning|error): ([a-z-]+)", line):
            found[Path(rule[1])].add(rule[2])
    return found


def test_the_page_has_the_rule_that_refuses_each_planted_migration(
    tmp_path: Path,
) -> None:
    files = {}
    for number, plant in enumerate(PLANTS):
        (folder := tmp_path / str(number)).mkdir()
        files[plant.name] = written(plant, folder)
    found = squawked(*files.values())
    rows = []
    for plant in PLANTS:
        rules = found[files[plant.name]]
        if plant.fault:
            assert plant.squawk is None or plant.squawk in rules, (plant.name, rules)
            ours = plant.fault.partition(":")[0]
            theirs = f"`{plant.squawk}`" if plant.squawk else ""
            rows.append(f"| {plant.name} | {ours} | {theirs} |")
    table = PAGE.read_text(encoding="utf-8").partition("| squawk's rule |\n")[2]
    assert table.partition("\n\n")[0].splitlines()[1:] == rows


_BLOCK: Final = re.compile(r"^```sql\n(.*?)^```", re.DOTALL | re.MULTILINE)
_HELD: Final = re.compile(
    r"(ACCESS EXCLUSIVE|SHARE ROW EXCLUSIVE|SHARE UPDATE EXCLUSIVE) on (\w+)"
)
_ORDER: Final = [
    "AccessExclusiveLock",
    "ShareRowExclusiveLock",
    "ShareUpdateExclusiveLock",
]


def recipes() -> list[str]:
    """Return the migrations of the page, as files, and its backfill."""
    blocks = _BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    whole = ("-- transactional: false\n", ":tenant_id")
    return [
        block if any(mark in block for mark in whole) else HEAD + block
        for block in blocks
    ]


def strongest(seen: list[Observed]) -> set[tuple[str, str]]:
    """Return the strongest lock on each relation, in the words of the page."""
    held: dict[str, str] = {}
    for mode in reversed(_ORDER):
        for one in seen:
            held |= {name: mode for name, modes in one.locks.items() if mode in modes}
    words = {mode: re.sub(r"(?<=[a-z])(?=[A-Z])", " ", mode[:-4]) for mode in _ORDER}
    return {(words[m].upper(), n.removeprefix("authority.")) for n, m in held.items()}


def test_each_recipe_of_the_page_takes_the_locks_that_it_names(
    live: str, tmp_path: Path, figures: list[str]
) -> None:
    files = []
    for number, text in enumerate(recipes(), start=1):
        file = tmp_path / f"{number:02}_recipe.sql"
        file.write_text(text)
        if ":tenant_id" in text:
            assert Backfill(file).run(live, Pace(pause=0)).rows > 0
            continue
        files.append(file)
        seen = observe(live, file)
        assert faults(seen) == [], text
        is_concurrent = any(one.is_concurrent for one in seen)
        named = set() if is_concurrent else set(_HELD.findall(text))
        assert strongest(seen) == named, text
        observe(live, file)  # again, as after a crash
    assert {file.name: rules for file, rules in squawked(*files).items() if rules} == {}
    figures.append(f"{len(files)} recipes of docs/migrations.md, each applied twice")


def test_the_files_of_the_page_are_applied_and_rolled_back(
    live: str, tmp_path: Path
) -> None:
    page = PAGE.read_text(encoding="utf-8")
    name = "0074_add_nicknames"
    apply, undo = re.findall(r"^```text\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    file = tmp_path / f"{name}.sql"
    file.write_text(apply)
    named = "select authority.schema_version()"
    with psycopg.connect(
        live, autocommit=True, options=f"-c authority.roll_back={name}"
    ) as dba:
        assert f"call authority.begin_migration('{name}');" in apply
        assert faults(observe(live, file)) == []
        assert dba.execute(named).fetchone() == (name,)
        with dba.transaction():
            dba.execute(undo)
        assert dba.execute(named).fetchone() == ("0073_name_the_version",)


def test_an_index_that_a_crash_left_invalid_is_built_again(
    live: str, tmp_path: Path
) -> None:
    [recipe] = [text for text in recipes() if "concurrently" in text]
    file = tmp_path / "9999_index.sql"
    file.write_text(recipe.replace("nickname)", "display_name)"))
    is_valid = "select indisvalid from pg_index where indexrelid = %s::regclass"
    for _ in range(2):
        observe(live, file)
        with psycopg.connect(live) as dba:
            index = "authority.users_nickname_idx"
            assert dba.execute(is_valid, [index]).fetchone() == (True,)
            dba.execute(
                "update pg_index set indisvalid = false "
                "where indexrelid = %s::regclass",
                [index],
            )


def test_migrations_after_the_last_release_are_safe_on_a_live_system(
    blank_conninfo: str,
) -> None:
    for release in released()[-1:]:
        release.migrate(blank_conninfo)
        with psycopg.connect(blank_conninfo, autocommit=True) as dba:
            release.load(dba)
        known = release.migrations()
        for name in (one for one in packaged_migrations() if one not in known):
            found = faults(observe(blank_conninfo, MIGRATIONS / f"{name}.sql"))
            assert found == [], name
        with psycopg.connect(blank_conninfo) as dba:
            oldest = dba.execute("select authority.oldest_package()").fetchone()
        assert oldest is not None
        assert oldest[0] <= release.last_migration, "it must serve this release"


def test_the_locks_of_a_file_are_shown_to_its_author(
    live: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [plant] = [one for one in PLANTS if one.name == "two tables"]
    assert show(live, written(plant, tmp_path)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "    AccessExclusiveLock on authority.clients" in lines
    assert lines[-1].startswith("9999_planted.sql: refused: two locks: ")


def test_the_migrations_of_an_invented_release_are_safe(live: str) -> None:
    for file in sorted((ROOT / "tests" / "upgrades" / "next").glob("*.sql")):
        assert faults(observe(live, file)) == [], file.name
