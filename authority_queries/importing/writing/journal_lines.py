"""The lines of the journal of an import.

A line follows each committed batch. The journal has the ids of refused documents and
names of fields, and no other value of a document.
"""

from collections.abc import Iterable
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
)


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Header(_Line):
    """The first line: which import this is. Names have no password.

    `mapping` is the SHA-256 of the mapping file.
    """

    line: Literal["import"] = "import"
    format: Literal["authority import 1"] = "authority import 1"
    run: UUID
    source: str
    database: str
    login: str
    tenant: str | None
    is_dry_run: bool
    is_update: bool = False
    since: AwareDatetime | None = None
    mapping: str | None = None
    at: AwareDatetime


class Resumed(_Line):
    """The import went on after it had stopped."""

    line: Literal["resumed"] = "resumed"
    run: UUID
    login: str
    at: AwareDatetime


class Drop(_Line):
    """A field that was dropped from so many documents."""

    field: str
    reason: str
    count: int


class Refusal(_Line):
    """A document that was refused."""

    id: str
    reason: str


class Batch(_Line):
    """A batch was committed. The source goes on after `position`."""

    line: Literal["batch"] = "batch"
    collection: str
    position: JsonValue
    read: int
    skipped: int = 0
    rowless: int = 0
    created: dict[str, int] = {}
    existing: dict[str, int] = {}
    updated: dict[str, int] = {}
    dropped: tuple[Drop, ...] = ()
    refused: tuple[Refusal, ...] = ()
    seconds: float


class Done(_Line):
    """All documents of a collection were read."""

    line: Literal["done"] = "done"
    collection: str


class Finished(_Line):
    """All collections were read."""

    line: Literal["finished"] = "finished"
    at: AwareDatetime


Line: TypeAlias = Header | Resumed | Batch | Done | Finished
LINE: Final = TypeAdapter[Line](Annotated[Line, Field(discriminator="line")])


def positions(lines: Iterable[Line]) -> dict[str, Batch | Done]:
    """Return the last line of each collection."""
    found: dict[str, Batch | Done] = {}
    for line in lines:
        if isinstance(line, Batch | Done):
            found[line.collection] = line
    return found
