"""`make matrix`: PostgreSQL 15 to 18 with each Python, as a table.

Each cell installs the package into an environment of its Python, migrates a new
database of its server, runs the demo, compares the database with the release and runs
tests. What cannot run on this machine is listed with the reason.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from authority_queries.codegen.throwaway import memory_folder
from tools.cells import KEPT, ROOT, Cell, remember, table, write_page
from tools.servers import MissingError, Server, running

SERVERS: Final = ("15", "16", "17", "18")
# Each server runs these with the first Python, and each other Python runs the second
# ones with the last server: nearly nothing depends on both.
SERVER_TESTS: Final = ("tests/schema", "tests/repositories")
PYTHON_TESTS: Final = ("tests/package",)
_OPTIONS: Final = ("-q", "-p", "no:cacheprovider", "--form=sync", "-k", "not async")
_ROOM: Final = 2 << 30
_SUMMARY: Final = re.compile(r"^(\d+ .*?) in [\d.]+s", re.M)


def supported_pythons() -> list[str]:
    """Return the versions that the package's classifiers name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    prefix = "Programming Language :: Python :: 3."
    return [
        name.rpartition(" ")[2]
        for name in project["classifiers"]
        if name.startswith(prefix)
    ]


def find_python(version: str) -> str:
    """Return the path of this Python. Raises MissingError."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [
        shutil.which(f"python{version}"),
        *map(str, sorted(versions.glob(f"{version}.*/bin/python"), reverse=True)),
    ]
    for path in filter(None, found):
        # A shim of pyenv may name a version that is not selected.
        asking = [path, "-c", "import sys; print('{}.{}'.format(*sys.version_info))"]
        asked = subprocess.run(asking, check=False, capture_output=True, text=True)
        if asked.stdout.strip() == version:
            return path
    message = f"no python{version} on this machine"
    raise MissingError(message)


def environment_of(version: str) -> Path:
    """Return the programs' folder of a virtual environment for this Python.

    Creates it if pyproject.toml is newer. Raises MissingError.
    """
    folder = KEPT / f"python-{version}"
    stamp = folder / "stamp"
    project = ROOT / "pyproject.toml"
    if stamp.exists() and stamp.stat().st_mtime > project.stat().st_mtime:
        return folder / "bin"
    subprocess.run([find_python(version), "-m", "venv", "--clear", folder], check=True)
    pip = str(folder / "bin" / "pip")
    installing = [pip, "install", "--quiet", "-e", f"{ROOT}[dev]"]
    done = subprocess.run(installing, check=False, capture_output=True, text=True)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1]
        message = f"the package cannot be installed: {last}"
        raise MissingError(message)
    stamp.touch()
    return folder / "bin"


def run_cell(
    cell: Cell, server: Server, tests: Sequence[str], workers: int, scratch: Path
) -> None:
    """Run the steps of a cell. Raises MissingError."""
    programs = environment_of(cell.python)
    server.create(cell.name)
    variables = server.environment(cell.name, scratch)
    for step in ("migrate", "demo", "check"):
        done, _ = _run(cell, step, [programs / "authority", step], variables)
        cell.steps[step] = "failed" if done else "ok"
    if not tests:
        cell.steps["tests"] = ""
        return
    parallel = ["-n", str(workers), "--dist", "loadfile"] if workers > 1 else []
    _, said = _run(
        cell, "tests", [programs / "pytest", *_OPTIONS, *parallel, *tests], variables
    )
    found = _SUMMARY.findall(said.replace("=", ""))
    cell.steps["tests"] = found[-1] if found else "failed"


def _run(
    cell: Cell, step: str, command: Sequence[str | Path], variables: dict[str, str]
) -> tuple[int, str]:
    """Run a command with these variables. Return its exit code and its output."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("AUTHORITY_")}
    if step == "tests":
        variables = {k: v for k, v in variables.items() if k != "AUTHORITY_DATA_DIR"}
    done = subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        env=inherited | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
    )
    log = KEPT / "logs" / f"{cell.name}-{step}.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(done.stdout)
    return done.returncode, done.stdout


def tests_of(cell: Cell, arguments: argparse.Namespace) -> Sequence[str]:
    """Return the paths of the tests that this cell runs."""
    if arguments.tests is not None:
        return list(arguments.tests)
    if cell.python == arguments.pythons[0]:
        return SERVER_TESTS
    return PYTHON_TESTS if cell.server == arguments.servers[-1] else ()


def run_server(
    version: str, cells: Sequence[Cell], arguments: argparse.Namespace
) -> None:
    """Run the cells of a server, and report each on stderr."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running(version, KEPT / "servers"))
        except MissingError as error:
            for cell in cells:
                cell.missing = str(error)
            return
        scratch = stack.enter_context(memory_folder(_ROOM))
        scratch.chmod(0o755)  # root's embedded server runs as another user
        for cell in cells:
            try:
                tests = tests_of(cell, arguments)
                run_cell(cell, server, tests, arguments.workers, scratch)
            except MissingError as error:
                cell.missing = str(error)
            said = cell.missing or ", ".join(filter(None, cell.steps.values()))
            print(f"{cell.name}: {said}", file=sys.stderr)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the chosen cells and print the table.

    Return 1 if a step failed, or no cell ran.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", nargs="+", default=SERVERS, metavar="VERSION")
    parser.add_argument(
        "--pythons", nargs="+", default=supported_pythons(), metavar="VERSION"
    )
    parser.add_argument(
        "--tests",
        nargs="*",
        metavar="PATH",
        help="the tests of each cell; `tests` for all, none for no tests "
        f"(default: {' '.join(SERVER_TESTS)} with the first Python, "
        f"{' '.join(PYTHON_TESTS)} with the last server and each other Python)",
    )
    parser.add_argument("--workers", type=int, default=2, help="default: 2")
    parser.add_argument(
        "--write",
        action="store_true",
        help="write the last result of each cell into docs/matrix.md",
    )
    arguments = parser.parse_args(argv)
    cells = [Cell(s, p) for s in arguments.servers for p in arguments.pythons]
    for version in arguments.servers:
        of_server = [cell for cell in cells if cell.server == version]
        run_server(version, of_server, arguments)
    print(table(cells))
    known = remember(cells)
    if arguments.write:
        write_page(table(known))
    ran = [cell for cell in cells if not cell.missing]
    return int(not ran or any(cell.failed for cell in ran))


if __name__ == "__main__":
    sys.exit(main())
