"""pgbench with the statement of authority.verify_token: the limit of the server."""

import os
import re
import resource
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Final

from psycopg.conninfo import conninfo_to_dict

from authority_queries import Authority, parse_token
from authority_queries.service.embedded import embedded_program
from benchmarks.compared.authority import Given
from benchmarks.compared.drivers import statement
from benchmarks.compared.worker import Spent

_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Pgbench:
    """pgbench with a prepared statement. Each run verifies another token."""

    # Fewer would measure the start of the processes.
    least: Final = 2000

    def __init__(
        self, database: str, given: Given, postmaster: int, script: Path
    ) -> None:
        self._parts = conninfo_to_dict(database)
        self._tokens = cycle([token for token, _, _ in given["access"]])
        self._postmaster = postmaster
        self._script = script

    def warm(self, _call: str, count: int) -> None:
        """Read the programs and the token."""
        self.run("", count)

    def run(self, _call: str, count: int, *, clients: int = 1) -> Spent:
        """Verify so many tokens, and return what one took."""
        presented = parse_token(next(self._tokens), kind="access")
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        running, before = self._children(), self._server_time()
        answer = subprocess.run(  # noqa: S603 -- the wheel's own program
            [
                embedded_program("pgbench"),
                "--no-vacuum",
                "--protocol=prepared",
                f"--client={clients}",
                f"--transactions={count // clients}",
                f"--file={self._script}",
                f"--define=tenant_id={presented.tenant_id}",
                rf"--define=token_hash=\x{presented.hash.hex()}",
                "--define=type=access",
                f"--host={self._parts['host']}",
                f"--port={self._parts['port']}",
                f"--username={self._parts['user']}",
                str(self._parts["dbname"]),
            ],
            env={**os.environ, "PGOPTIONS": f"-c role={Authority.role}"},
            capture_output=True,
            text=True,
            check=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        client = after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime
        found = re.search(r"^tps = ([0-9.]+)", answer.stdout, re.MULTILINE)
        if found is None:
            message = f"pgbench did not finish: {answer.stdout}"
            raise RuntimeError(message)
        while self._children() != running:  # its processes end after pgbench
            time.sleep(0.005)
        server = self._server_time() - before
        return Spent(client / count, server / count, 1 / float(found[1]))

    def _children(self) -> str:
        path = Path(f"/proc/{self._postmaster}/task/{self._postmaster}/children")
        return path.read_text(encoding="ascii")

    def _server_time(self) -> float:
        """Return the processor seconds of server processes that have ended."""
        stat = Path(f"/proc/{self._postmaster}/stat").read_text(encoding="ascii")
        children = stat.rpartition(")")[2].split()[13:15]
        return sum(int(ticks) for ticks in children) / _TICKS


@contextmanager
def pgbench(database: str, given: Given, data_dir: Path) -> Iterator[Pgbench]:
    """Write the script of pgbench, and return it."""
    postmaster = int((data_dir / "postmaster.pid").read_text().split()[0])
    names = {name: f":{name}" for name in ("tenant_id", "token_hash", "type")}
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "verify.sql"
        script.write_text(statement() % {**names, "resource": "null"} + ";\n")
        yield Pgbench(database, given, postmaster, script)
