"""The parts that all entries share."""

from typing import Any, Final, TypeAlias
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

# A time with its zone. Text is ISO 8601.
Moment: TypeAlias = AwareDatetime
# Texts by language tag (BCP 47).
Texts: TypeAlias = dict[str, str]
JsonObject: TypeAlias = dict[str, JsonValue]
JsonArray: TypeAlias = tuple[JsonValue, ...]
Names: TypeAlias = tuple[str, ...]


class Entry(BaseModel):
    """One row of the authority, with natural keys instead of ids of other rows.

    `id` None means an id that is derived from the natural key, the same in each run.
    Octets are base64url in JSON. Errors of validation never repeat a value.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        ser_json_bytes="base64",
        val_json_bytes="base64",
    )


class DatedEntry(Entry):
    """An entry with the times of the other store. None means the time of the import."""

    created_at: Moment | None = None


class ChangedEntry(DatedEntry):
    """An entry that also has the time of its last change. None means created_at."""

    id: UUID | None = None
    updated_at: Moment | None = None


# Hidden in repr, because logs must not have it.
Hidden: Final = Field(repr=False)
Empty: Final[Any] = Field(default_factory=dict)  # of any type of mapping
