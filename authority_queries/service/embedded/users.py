"""Who uses a data folder: known by locks, which end with their process."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Users:
    """One user of a data folder, beside any number of other ones.

    Each holds a shared lock of a file in it. Who comes or goes holds the lock of the
    folder itself. Neither lock writes anything.
    """

    def __init__(self, folder: Path, file: str) -> None:
        self._folder = folder
        self._file = folder / file
        self._lock = -1

    @contextmanager
    def gate(self) -> Iterator[None]:
        """Let nobody else come or go during the block."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
        gate = os.open(self._folder, flags)
        try:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield
        finally:
            os.close(gate)

    def come(self) -> None:
        """Become a user. Called within the gate."""
        self._lock = os.open(self._file, os.O_RDONLY | os.O_NOFOLLOW)
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    def go(self) -> bool:
        """End to be a user, and return whether it was the last. Within the gate.

        False for who is none, as after the end that came with the process's.
        """
        lock, self._lock = self._lock, -1
        if lock < 0:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            return True
        finally:
            os.close(lock)
