"""Runs the embedded server while at least one process uses it."""

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from authority_queries.errors import UnavailableError
from authority_queries.service.embedded.account import server_account
from authority_queries.service.embedded.cluster import (
    PORT,
    SUPERUSER,
    VERSION_FILE,
    Cluster,
)
from authority_queries.service.embedded.folders import data_folder
from authority_queries.service.embedded.programs import installed_packages, programs_for
from authority_queries.service.embedded.users import Users


@contextmanager
def running_embedded_server(data_dir: Path) -> Iterator[dict[str, str]]:
    """Run the embedded server in this folder, and yield libpq's connection parameters.

    The last process that leaves the block stops the server. If that process was killed,
    the next one stops it. The server listens on a socket that only its own user and the
    caller can reach. If the caller is root, it runs as the system user
    authority_postgres. Raises ConfigurationError, UnavailableError.
    """
    installed_packages()  # raises before a system user is created
    account = server_account()
    try:
        folder = data_folder(data_dir, account)
        use = _Use(Cluster(folder, programs_for(account), account))
        use.begin()
    except (OSError, UnavailableError) as error:
        message = (
            f"the embedded server did not start in {data_dir} ({error}); "
            f"its log, if it has one, is {data_dir / 'log'}"
        )
        raise UnavailableError(message) from error
    atexit.register(use.end)
    try:
        yield {
            "host": str(use.cluster.socket_folder()),
            "port": PORT,
            "user": SUPERUSER,
            "dbname": "postgres",
        }
    finally:
        atexit.unregister(use.end)
        use.end()


class _Use:
    """One caller's use of the server."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._users = Users(cluster.folder, VERSION_FILE)
        self._process = os.getpid()

    def begin(self) -> None:
        with self._users.gate():
            self.cluster.ensure_created()
            self._users.join()
            try:
                self.cluster.ensure_running()
            except BaseException:
                self._leave()
                raise

    def end(self) -> None:
        if self._process != os.getpid():
            return  # a forked child does not use the server
        with suppress(FileNotFoundError), self._users.gate():
            self._leave()

    def _leave(self) -> None:
        if self._users.leave():
            self.cluster.stop()
