"""`authority plans --only`: some plans are new, and the others stay as they are."""

from pathlib import Path

import pytest

from authority_queries.cli import main

pytestmark = pytest.mark.one_version

QUERY = """\
-- name: {name}()
-- A note.
-- @plan seq_scan public.notes -- few
select notes.id from public.notes{rest};
"""


@pytest.fixture
def plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the plans of a project, in whose folder the test works."""
    monkeypatch.chdir(tmp_path)
    for folder in ("queries", "migrations", "notes"):
        Path(folder).mkdir()
    Path("notes/__init__.py").touch()
    Path("migrations/1.sql").write_text("create table notes (id int not null);")
    Path("sample.sql").write_text("insert into notes select 1;")
    write("a", "first", "third")
    write("b", "first")
    Path("pyproject.toml").write_text(
        '[tool.authority]\nqueries = "queries"\nmigrations = "migrations"\n'
        'output = "notes"\nsample = "sample.sql"\nplans = "plans.txt"\n'
    )
    return tmp_path / "plans.txt"


def write(file: str, *names: str, rest: str = "") -> None:
    queries = [QUERY.format(name=name, rest=rest) for name in names]
    Path("queries", f"{file}.sql").write_text("\n".join(queries))


def plan(server: str, *arguments: str) -> int:
    return main(["plans", "--server", server, *arguments])


def test_the_plans_that_are_named_are_printed_and_written(
    plans: Path, embedded: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan(embedded) == 0
    before = plans.read_text()
    write("a", "first", "second", "third", rest=" order by 1")
    write("b", "first", rest=" order by 1")
    capsys.readouterr()

    assert plan(embedded, "--only", "a.second", "--check") == 1
    assert "+a.second\n" in capsys.readouterr().out
    assert plans.read_text() == before
    assert plan(embedded, "--only", "a.second", "--only", "b") == 0
    printed = capsys.readouterr().out
    assert [
        line for line in printed.splitlines() if "." in line and line[0] != " "
    ] == [
        "a.second",
        "b.first",
        "plans.txt written",
    ]

    after = plans.read_text()
    assert "\na.first\n    permitted: seq_scan public.notes\n    Seq" in after
    titles = [line for line in after.splitlines() if line[:2] in {"a.", "b."}]
    assert titles == ["a.first", "a.second", "a.third", "b.first"]
    assert plan(embedded, "--only", "a.first", "--only", "a.third") == 0
    partly = plans.read_text()
    assert plan(embedded, "--check") == 0
    assert plans.read_text() == partly


@pytest.mark.parametrize("name", ["c", "a.fourth", "first"])
def test_a_name_that_there_is_not_is_wrong_use(
    plans: Path, embedded: str, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert plan(embedded, "--only", name) == 2
    assert f"--only {name}: no such file or query; files: a, b;" in (
        capsys.readouterr().err
    )
    assert not plans.exists()


def test_a_text_of_another_role_is_not_mixed_with_this_one(
    plans: Path, embedded: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan(embedded) == 0
    plans.write_text(plans.read_text().replace("# What PostgreSQL ", "# What MySQL "))
    assert plan(embedded, "--only", "a") == 1
    assert "write all plans, without --only" in capsys.readouterr().err
