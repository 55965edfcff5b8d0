"""Creates, starts, finds and stops a server in a data folder."""

import os
import shlex
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authority_queries.errors import UnavailableError
from authority_queries.service.embedded.account import Account, caller_name

VERSION_FILE: Final = "PG_VERSION"
PORT: Final = "5432"
SUPERUSER: Final = "postgres"
_PATIENCE: Final = 60
# Line numbers in postmaster.pid, from 0.
_SOCKET_LINE: Final = 4
_STATUS_LINE: Final = 7
# The longest path of a socket that every kernel accepts.
_LONGEST_SOCKET: Final = 103
_SHORT_FOLDER: Final = "/tmp"  # noqa: S108 -- tempfile creates the folder in it
_HBA: Final = "authority_hba.conf"
_IDENT: Final = "authority_ident.conf"
# The kernel reports who connects; no client is trusted.
_HBA_LINES: Final = """\
local all all peer map=authority
local replication all peer map=authority
"""


@dataclass(frozen=True)
class Cluster:
    """A server's data folder. Each program runs as the server's user."""

    folder: Path
    programs: Path
    account: Account

    def ensure_created(self) -> None:
        """Run initdb, unless the folder has a server's files."""
        if (self.folder / VERSION_FILE).exists():
            return
        self._run(
            "initdb",
            f"--username={SUPERUSER}",
            "--encoding=UTF8",
            "--auth-local=peer",
            "--auth-host=reject",
            "--no-instructions",
        )

    def ensure_running(self) -> None:
        """Start the server, unless a killed process has left it running."""
        if self._is_running():
            return
        names = {caller_name(), self.account.name}
        self._write(_HBA, _HBA_LINES)
        self._write(_IDENT, "".join(f'authority "{name}" all\n' for name in names))
        settings = {
            "listen_addresses": "",
            "port": PORT,
            "unix_socket_directories": self._socket_setting(),
            "unix_socket_permissions": "0700",
            "hba_file": str(self.folder / _HBA),
            "ident_file": str(self.folder / _IDENT),
        }
        options = shlex.join(f"--{name}={value}" for name, value in settings.items())
        self._run("pg_ctl", "start", "-w", "-l", "log", "-o", options)

    def stop(self) -> None:
        """Stop the server if it is running."""
        try:
            socket_folder = self.socket_folder()
        except FileNotFoundError:
            return
        try:
            self._run("pg_ctl", "stop", "-w", "-m", "fast")
        except UnavailableError:
            with suppress(UnavailableError):
                self._run("pg_ctl", "stop", "-w", "-m", "immediate")
        if socket_folder != self.folder:
            with suppress(UnavailableError):
                self.account.run(["rmdir", socket_folder], folder=self.folder)

    def socket_folder(self) -> Path:
        """Return the folder of the running server's socket."""
        return self.folder / self._postmaster_file()[_SOCKET_LINE]

    def _is_running(self) -> bool:
        """Return whether the server is running. Waits while it starts or stops."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            try:
                self._run("pg_ctl", "status")
            except UnavailableError:
                return False
            status = self._postmaster_file()[_STATUS_LINE:]
            if status and status[0].strip() == "ready":
                return True
            time.sleep(0.05)
        message = f"the running server is not ready after {_PATIENCE} s"
        raise UnavailableError(message)

    def _socket_setting(self) -> str:
        """Return the socket's folder: the data folder, or a new one for a long path."""
        path = os.fsencode(self.folder / f".s.PGSQL.{PORT}")
        if len(path) <= _LONGEST_SOCKET and b"," not in path:  # a list, to libpq
            return "."
        short = tempfile.mkdtemp(prefix="authority-", dir=_SHORT_FOLDER)
        os.chown(short, self.account.uid, self.account.gid, follow_symlinks=False)
        return short

    def _postmaster_file(self) -> list[str]:
        path = self.folder / "postmaster.pid"
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW)) as file:
            return file.read().splitlines()

    def _write(self, name: str, text: str) -> None:
        writing = ["sh", "-c", 'umask 077 && cat >"$1"', "sh", name]
        self.account.run(writing, folder=self.folder, text=text)

    def _run(self, program: str, *arguments: str) -> None:
        self.account.run([self.programs / program, *arguments], folder=self.folder)
