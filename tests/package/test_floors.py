"""Imports go down only, by the floors of ARCHITECTURE.md. Modules are short."""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "authority_queries"
# A row of the table of floors, the lowest floor first, and the names in its cell:
# `engine/` or `records.py`.
ROW = re.compile(r"^\| (`[^|]+`) \|", re.M)
NAME = re.compile(r"`([\w]+)(?:/|\.py)`")
LONGEST_FILE = 250
LONGEST_FUNCTION = 25


def floors() -> list[set[str]]:
    """Return the modules and folders of each floor, the lowest floor first."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    _, _, table = text.partition("\n| Floor |")
    table, _, _ = table.partition("\n\n")
    return [set(NAME.findall(cell)) for cell in ROW.findall(table)]


def written_modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def modules_by_hand() -> list[Path]:
    """Return the modules that no generator writes."""
    generated = {PACKAGE / "records.py", *(PACKAGE / "queries").glob("*.py")}
    return [
        path
        for path in written_modules()
        if path not in generated and "_sync" not in path.parts
    ]


def function_lengths(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the length and the name of each function, without its docstring.

    A statement or a clause counts as one line, however many lines its arguments take.
    """
    text = path.read_text()
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    ends = [token.end[0] for token in tokens if token.type == tokenize.NEWLINE]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            last = node.end_lineno or 0
            length = sum(node.body[0].lineno <= end <= last for end in ends)
            has_docstring = ast.get_docstring(node) is not None
            yield length - has_docstring, f"{path.relative_to(ROOT)}, {node.name}"


def room_of(module: str) -> str | None:
    """Return `<room>` of `authority_queries.<room>…`, or None for other modules."""
    head, _, rest = module.partition(".")
    return rest.partition(".")[0] if head == "authority_queries" and rest else None


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_table_lists_every_module_and_folder() -> None:
    rooms = {
        path.stem
        for path in PACKAGE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    named = [room for floor in floors() for room in floor]
    assert sorted(named) == sorted(rooms - {"__init__", "__main__"})


def test_imports_go_down_only(figures: list[str]) -> None:
    height = {room: number for number, floor in enumerate(floors()) for room in floor}
    count, upward = 0, []
    for path in written_modules():
        inside = path.relative_to(PACKAGE)
        here = inside.parts[0].removesuffix(".py")
        if here in {"__init__", "__main__"}:
            continue  # imports the names of all floors at their first use
        for module in imported_modules(path):
            there = room_of(module)
            if there is None:
                continue
            count += 1
            # The package's own names (`Authority`) are defined in service/ or below.
            if height.get(there, height["service"]) > height[here]:
                upward.append(f"{inside} imports {module}")
    figures.append(f"{count} imports inside the package, {len(upward)} upward")
    assert upward == []


def test_the_engine_imports_only_psycopg_and_aiosql() -> None:
    outside = {
        module.partition(".")[0]
        for path in (PACKAGE / "engine").rglob("*.py")
        for module in imported_modules(path)
    }
    known = {"psycopg", "aiosql", "typing_extensions", "authority_queries"}
    assert outside - set(sys.stdlib_module_names) == known


@pytest.mark.parametrize("module", ["queries.tokens", "records", "engine.runtime"])
def test_a_generated_module_imports_no_requirement_of_the_store(module: str) -> None:
    code = (
        f"import sys, authority_queries.{module}; "
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    heavy = {
        "argon2",
        "bcrypt",
        "yoyo",
        "pydantic",
        "precis_i18n",
        "tabulate",
        "cryptography",
    }
    assert heavy & set(done.stdout.split()) == set()
    assert "psycopg" in done.stdout.split()


def test_modules_by_hand_have_at_most_250_lines(figures: list[str]) -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in modules_by_hand()
    }
    long = {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE}
    figures.append(
        f"{len(lengths)} modules by hand, {len(long)} over {LONGEST_FILE} lines"
    )
    assert long == {}


def test_functions_by_hand_have_at_most_25_lines(figures: list[str]) -> None:
    lengths = sorted(
        found for each in modules_by_hand() for found in function_lengths(each)
    )
    longest, name = lengths[-1]
    figures.append(f"the longest function has {longest} lines: {name}")
    assert [each for each in lengths if each[0] > LONGEST_FUNCTION] == []


def distributions(name: str) -> set[str]:
    """Return this distribution and its requirements here, without extras."""
    try:
        lines = requires(name) or []
    except PackageNotFoundError:  # for another platform
        return set()
    found = {name}
    for line in lines:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found |= distributions(requirement.name.lower())
    return found


def test_generated_modules_need_three_distributions(figures: list[str]) -> None:
    needed = distributions("authority-queries") - {"authority-queries"}
    figures.append(f"a generated module needs {len(needed)} other distributions")
    assert needed == {"aiosql", "psycopg", "typing-extensions"}


def test_a_missing_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['argon2'] = sys.modules['tabulate'] = None; "
        "import authority_queries.__main__ as command; print(command.main()); "
        "from authority_queries import Authority"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True
    )
    install = "pip install 'authority-queries[service]'"
    assert done.stdout == "2\n"
    assert f"authority: import of argon2 halted; None in sys.modules: {install}" in (
        done.stderr
    )
    assert f"Authority needs: {install}" in done.stderr
