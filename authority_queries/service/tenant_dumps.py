"""The format of a tenant's dump: JSON lines that end with a checksum.

The first line is the header. A line `{"table": …, "columns": […]}` precedes the rows of
each table, and each row is an array of texts and nulls. The last line has the number of
rows of each table and the SHA-256 of all lines before it. Nothing in the lines depends
on the database or the time of the dump: the same rows have the same dump.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final
from uuid import UUID

from authority_queries.engine.json_types import JsonObject, JsonValue
from authority_queries.errors import InvalidDumpError
from authority_queries.service.retention import StepOutcome

_FORMAT: Final = "authority tenant 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveProgress:
    """How many rows of a table a dump or a load has processed so far."""

    step: str
    rows: int = 0
    batches: int = 0
    seconds: float = 0.0
    outcome: StepOutcome = "unfinished"


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpHeader:
    """Which tenant a dump has, and the schema that it comes from."""

    schema_version: str
    tenant_id: UUID
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What a load inserted: the number of rows of each table of the dump."""

    tenant_id: UUID
    code: str
    tables: Mapping[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return sum(self.tables.values())


class DumpWriter:
    """Makes the lines of a dump, and counts and hashes them."""

    def __init__(self) -> None:
        self._hash = sha256()
        self._counts: dict[str, int] = {}
        self._table = ""

    def header(self, header: DumpHeader) -> str:
        """Return the first line."""
        return self._control(
            {
                "format": _FORMAT,
                "schema_version": header.schema_version,
                "tenant_id": str(header.tenant_id),
                "code": header.code,
            }
        )

    def table(self, name: str, columns: Sequence[str]) -> str:
        """Return the line before the rows of a table."""
        self._table = name
        self._counts[name] = 0
        return self._control({"table": name, "columns": [*columns]})

    def rows(self, lines: str, count: int) -> str:
        """Note rows of the present table, and return their lines."""
        self._counts[self._table] += count
        return self._noted(lines)

    def end(self) -> str:
        """Return the last line."""
        return self._control({"rows": self._counts, "sha256": self._hash.hexdigest()})

    def _control(self, value: JsonObject) -> str:
        return self._noted(json.dumps(value, ensure_ascii=False) + "\n")

    def _noted(self, text: str) -> str:
        self._hash.update(text.encode())
        return text


class DumpReader:
    """Checks the lines of a dump, one after the other."""

    def __init__(self) -> None:
        self.header: DumpHeader | None = None
        self.table = ""
        self.columns: Sequence[str] = []
        self.counts: dict[str, int] = {}
        self._hash = sha256()
        self._has_ended = False

    def read(self, line: str) -> bool:
        """Check the next line. Return whether it is a row of the present table.

        Raises InvalidDumpError.
        """
        if self._has_ended:
            raise _invalid("lines follow the last one")
        is_row = line.startswith("[")
        if is_row:
            self._count()
        else:
            self._read_control(line)
        self._hash.update(line.encode())
        return is_row

    def finish(self) -> None:
        """Check that the last line and the tenant were there. Raises InvalidDumpError.

        Rows without their tenant would go to one that is in the database already.
        """
        if not self._has_ended:
            raise _invalid("it ends early")
        if self.counts.get("tenants") != 1:
            raise _invalid("it does not have the row of its tenant")

    def _count(self) -> None:
        if not self.table:
            raise _invalid("a row precedes the name of its table")
        self.counts[self.table] += 1

    def _read_control(self, line: str) -> None:
        try:
            value: JsonValue = json.loads(line)
        except (ValueError, RecursionError):
            raise _invalid("a line is not JSON, or ends early") from None
        match value:
            case _ if not line.endswith("\n"):
                raise _invalid("it ends early")
            case {
                "format": str(found),
                "schema_version": str(version),
                "tenant_id": str(tenant_id),
                "code": str(code),
            } if self.header is None and found == _FORMAT:
                self.header = DumpHeader(
                    schema_version=version, tenant_id=_id_of(tenant_id), code=code
                )
            case {"table": str(name), "columns": [*columns]} if (
                self.header is not None and name not in self.counts
            ):
                self.table, self.counts[name] = name, 0
                self.columns = [str(column) for column in columns]
            case {"rows": counts, "sha256": digest} if self.header is not None:
                if counts != self.counts or digest != self._hash.hexdigest():
                    raise _invalid("its checksum does not match its lines")
                self._has_ended = True
            case _:
                raise _invalid(f"a line does not belong to the format {_FORMAT!r}")


def _id_of(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise _invalid("tenant_id is not a UUID") from None


def _invalid(why: str) -> InvalidDumpError:
    return InvalidDumpError(f"the dump is not valid: {why}; nothing was loaded")
