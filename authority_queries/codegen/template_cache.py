"""The data folder of an embedded server, kept as one file from one run to the next.

One file because it appears and disappears as a whole: a reader that has opened it reads
it to its end, even if another run replaces or removes it.
"""

import os
import tarfile
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Final

import platformdirs

from authority_queries.service.embedded.account import Account, server_account
from authority_queries.service.embedded.folders import trusted_folder
from authority_queries.service.settings import STATE_FOLDER

_MOST_ENTRIES: Final = 8
_MOST_OCTETS: Final = 1 << 30
_SUFFIX: Final = ".tar"
_UNFINISHED: Final = ".part"
# Longer than any run writes to an unfinished file.
_ABANDONED: Final = 3600
_OTHERS_MAY_WRITE: Final = 0o022


@dataclass(frozen=True, slots=True)
class TemplateCache:
    """Data folders by their keys, in a folder that only the caller can write to."""

    folder: Path
    account: Account

    def restore(self, key: str, data_dir: Path) -> bool:
        """Write the kept data folder to `data_dir`; return False if none is kept."""
        entry = self._entry(key)
        try:
            with entry.open("rb") as file, tarfile.open(fileobj=file) as archive:
                os.utime(file.fileno())
                archive.extraction_filter = self._with_owner
                archive.extractall(data_dir, numeric_owner=True)  # noqa: S202 -- our own
        except FileNotFoundError:
            return False
        except (OSError, tarfile.TarError):
            # The disk is full, or the file is damaged.
            entry.unlink(missing_ok=True)
            rmtree(data_dir, ignore_errors=True)
            return False
        return True

    def keep(self, key: str, data_dir: Path) -> None:
        """Keep the data folder of a stopped server, and remove the oldest entries.

        A full disk is no error: the next run then makes the data again.
        """
        with suppress(OSError):
            self._write(self._entry(key), data_dir)
            self._remove_old()

    def _write(self, entry: Path, data_dir: Path) -> None:
        number, name = tempfile.mkstemp(suffix=_UNFINISHED, dir=self.folder)
        try:
            with open(number, "wb") as file:
                with tarfile.open(fileobj=file, mode="w") as archive:
                    archive.add(data_dir, ".")
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, entry)
        except BaseException:
            os.unlink(name)
            raise

    def _remove_old(self) -> None:
        octets = 0
        for number, entry in enumerate(self._newest_first(_SUFFIX), start=1):
            octets += entry.stat().st_size
            if number > _MOST_ENTRIES or octets > _MOST_OCTETS:
                entry.unlink(missing_ok=True)
        for unfinished in self._newest_first(_UNFINISHED):
            if unfinished.stat().st_mtime < time.time() - _ABANDONED:
                unfinished.unlink(missing_ok=True)

    def _newest_first(self, suffix: str) -> list[Path]:
        found = self.folder.glob(f"*{suffix}")
        return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)

    def _entry(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"

    def _with_owner(self, member: tarfile.TarInfo, _: str) -> tarfile.TarInfo:
        """Set the server's user as the owner, which only root's extraction heeds."""
        member.uid, member.gid = self.account.uid, self.account.gid
        return member


def usual_cache() -> TemplateCache | None:
    """Return the caller's cache, or None where no safe folder can be made for it.

    Root's is below the system's state folder, others' in the user's cache folder.
    """
    account = server_account()
    try:
        if os.geteuid() == 0:
            folder = trusted_folder(STATE_FOLDER / "templates", account)
        else:
            folder = platformdirs.user_cache_path("authority-queries") / "templates"
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    status = folder.stat()
    is_safe = status.st_uid == os.geteuid() and not status.st_mode & _OTHERS_MAY_WRITE
    return TemplateCache(folder, account) if is_safe else None
