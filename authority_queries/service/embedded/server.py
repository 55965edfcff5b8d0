"""The embedded server runs from its first user to its last."""

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
    """Run the embedded server on this folder; give libpq's connection parameters.

    The last process that leaves the block stops the server; after one that was killed
    the next one does. The server listens on a socket that only its own user and the
    caller reach. As root it runs as the system user authority_postgres. Raises
    ConfigurationError, UnavailableError.
    """
    installed_packages()  # before a user of the system is made
    account = server_account()
    try:
        folder = data_folder(data_dir, account)
        use = _Use(Cluster(folder, programs_for(account), account))
        use.begin()
    except (OSError, UnavailableError) as error:
        message = (
            f"the embedded server does not start on {data_dir} ({error}); "
            f"its log, if it came so far: {data_dir / 'log'}"
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
    """The time for which one caller needs the server."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._users = Users(cluster.folder, VERSION_FILE)
        self._process = os.getpid()

    def begin(self) -> None:
        with self._users.gate():
            self.cluster.ensure_made()
            self._users.come()
            try:
                self.cluster.ensure_running()
            except BaseException:
                self._go()
                raise

    def end(self) -> None:
        if self._process != os.getpid():
            return  # a child, which this process has forked, is no user
        with suppress(FileNotFoundError), self._users.gate():
            self._go()

    def _go(self) -> None:
        if self._users.go():
            self.cluster.stop()
