"""PgBouncer in transaction mode before the test's server, if it is installed."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

# The settings of docs/tenant_isolation.md, and one connection for all clients.
_CONFIGURATION = """
[databases]
{databases}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = 1
max_client_conn = 100
ignore_startup_parameters = extra_float_digits, options
{more}
"""


def program() -> str | None:
    """Return the path of PgBouncer, or None. Debian puts it outside of users' PATH."""
    return shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")


@contextmanager
def pooled(
    conninfo: str,
    passwords: Mapping[str, str],
    *settings: str,
    databases: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Run PgBouncer for these logins; yield the connection string through it.

    It holds one connection to the server for each login. `databases` has the connection
    string of each database; by default every database is that server's.
    """
    with tempfile.TemporaryDirectory(prefix="authority-bouncer-") as folder:
        port = _free_port()
        servers = databases or {"*": _address(conninfo)}
        path = _configure(
            Path(folder), port, conninfo, passwords, (_lines(servers), settings)
        )
        command = [program() or "pgbouncer", str(path)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                _wait_until_up(process)
                yield make_conninfo(
                    conninfo, host="127.0.0.1", port=port, sslmode="disable"
                )
            finally:
                process.terminate()


def _configure(
    folder: Path,
    port: int,
    conninfo: str,
    passwords: Mapping[str, str],
    lines: tuple[str, Sequence[str]],
) -> Path:
    parameters = conninfo_to_dict(conninfo)
    host = str(parameters.get("host", "localhost"))
    databases, settings = lines
    more = [*settings]
    if os.getuid() == 0:
        more.append(f"user = {_weaker_user(host)}")
        folder.chmod(0o755)
    users = [f'"{login}" "{password}"\n' for login, password in passwords.items()]
    (folder / "users.txt").write_text("".join(users))
    path = folder / "pgbouncer.ini"
    path.write_text(
        _CONFIGURATION.format(
            databases=databases,
            listen_port=port,
            folder=folder,
            more="\n".join(more),
        )
    )
    return path


def _address(conninfo: str) -> str:
    parameters = conninfo_to_dict(conninfo)
    return make_conninfo(
        host=parameters.get("host", "localhost"), port=parameters.get("port", 5432)
    )


def _lines(databases: Mapping[str, str]) -> str:
    return "\n".join(f"{name} = {server}" for name, server in databases.items())


def _weaker_user(host: str) -> str:
    """Return a user other than root for PgBouncer, who may use the socket."""
    owner = os.stat(host).st_uid if host.startswith("/") else 0
    return pwd.getpwuid(owner).pw_name if owner else "nobody"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_until_up(process: "subprocess.Popen[str]") -> None:
    told = []
    for line in process.stderr or ():
        told.append(line)
        if "process up" in line:
            return
    message = f"pgbouncer does not start: {''.join(told)}"
    raise AssertionError(message)
