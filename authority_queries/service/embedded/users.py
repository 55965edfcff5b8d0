"""Counts the users of a data folder by file locks, which end with their process."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Users:
    """One of any number of users of a data folder.

    Each user holds a shared lock on a file in the folder. Joining and leaving happen
    under an exclusive lock on the folder itself. Neither lock writes anything.
    """

    def __init__(self, folder: Path, file: str) -> None:
        self._folder = folder
        self._file = folder / file
        self._lock = -1

    @contextmanager
    def gate(self) -> Iterator[None]:
        """Prevent others from joining or leaving during the block."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
        gate = os.open(self._folder, flags)
        try:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield
        finally:
            os.close(gate)

    def join(self) -> None:
        """Become a user. Call this inside `gate`."""
        self._lock = os.open(self._file, os.O_RDONLY | os.O_NOFOLLOW)
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    def leave(self) -> bool:
        """Stop being a user, and return whether it was the last. Call inside `gate`.

        Returns False for a non-user, as after an earlier call at the process's end.
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
