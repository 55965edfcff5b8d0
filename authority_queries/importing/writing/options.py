"""How a source is imported, and how far an import is."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from authority_queries.errors import ConfigurationError

_BATCH: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportProgress:
    """How many documents of a collection were read so far, and by this run.

    `estimated` is the number of all, if it is known. `seconds` is the time of this run.
    """

    collection: str
    read: int
    read_now: int
    refused: int
    estimated: int | None
    seconds: float
    is_done: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """How a source is imported.

    - `tenant`: the code of a tenant. Documents of other tenants are skipped, and those
      that name none belong to it. It is created if it does not exist.
    - `dry_run`: all is done in one transaction, which is rolled back.
    - `journal`: a file with a line for each committed batch. Without one, an import
      that was stopped begins again.
    - `update`: update stored rows that differ, unless they changed here later. Their
      documents are refused then. For what changed since the first import.
    - `resume`: go on after the last batch of the journal.
    - `report`: a file for the report, as JSON, with a page beside it for people. An
      import that fails writes it, too.
    - `batch_size`: the number of documents in one transaction.
    - `since`, `mapping`: those of the source's options. The journal notes them, so that
      an import does not go on with others.
    """

    tenant: str | None = None
    dry_run: bool = False
    journal: Path | None = None
    update: bool = False
    resume: bool = False
    report: Path | None = None
    batch_size: int = _BATCH
    since: datetime | None = None
    mapping: Path | None = None

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            message = f"batch_size must be 1 or more, not {self.batch_size}"
            raise ConfigurationError(message)
        if self.resume and (self.journal is None or self.dry_run):
            message = "resume needs the journal of an import that was no dry run"
            raise ConfigurationError(message)

    def mapping_digest(self) -> str | None:
        """Return the SHA-256 of the mapping file. Raises ConfigurationError."""
        if self.mapping is None:
            return None
        try:
            return sha256(self.mapping.read_bytes()).hexdigest()
        except OSError as error:
            message = f"mapping {self.mapping} cannot be read: {error.strerror}"
            raise ConfigurationError(message) from None
