"""The queries and figures of all workers of a run are combined."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFTEST = """\
from types import SimpleNamespace
from tests import every_query

info = SimpleNamespace(parameter_status=lambda _: "off")
every_query._connection = lambda: SimpleNamespace(info=info)
every_query.names_by_file = lambda: [{names}]
"""
TEST = """\
import logging

def test_{name}(figures):
    figures.append("{name} counted")
    logging.getLogger("authority_queries.sql").debug("queries/{name}.sql:1 get")
"""


def test_queries_and_figures_of_all_workers_count(tmp_path: Path) -> None:
    queries = ", ".join(f'("{name}", "get")' for name in "abc")
    (tmp_path / "conftest.py").write_text(CONFTEST.format(names=queries))
    for name in "ab":
        (tmp_path / f"test_{name}.py").write_text(TEST.format(name=name))
    plugins = ["xdist", "tests.every_query", "tests.figures"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile"),
            *(part for plugin in plugins for part in ("-p", plugin)),
        ],
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "a counted\n" in done.stdout
    assert "b counted\n" in done.stdout
    assert "under row-level security: c.get\n" in done.stdout
