"""The parts of a mapping file, as a person writes them."""

import tomllib
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from authority_queries.errors import ConfigurationError
from authority_queries.importing.mapping.problems import problems_of, refuse_file

Constant: TypeAlias = (
    bool | int | float | str | datetime | date | list[object] | dict[str, object]
)
_SHORT: Final = (bool, int, float, datetime, date)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


def _one_or_many(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _of_lines(encoding: str) -> str:
    """Check that an encoding exists, and has the line breaks of ASCII."""
    try:
        is_known = "\r\n".encode(encoding) == b"\r\n"
    except LookupError:
        is_known = False
    if not is_known:
        message = "must be an encoding with the line breaks of ASCII, such as utf-8"
        raise ValueError(message)
    return encoding


def _written_out(value: object) -> object:
    """Return the long form of a value: `"a"` is a field, `true` is a constant."""
    if isinstance(value, str | list):
        return {"from": value}
    return {"constant": value} if isinstance(value, _SHORT) else value


Many = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]


class Condition(_Part):
    """What must hold of a document, or of an element of a list.

    Values are compared as texts; a boolean is `true` or `false`.
    """

    source: str = Field(alias="from")
    is_in: Many | None = Field(default=None, alias="is")
    is_not_in: Many | None = Field(default=None, alias="not")
    exists: bool | None = None


Conditions = Annotated[tuple[Condition, ...], BeforeValidator(_one_or_many)]


class LookupRule(_Part):
    """The field `get` of the document of a collection whose field `by` has a value."""

    collection: str
    by: str
    get: str


class ValueRule(_Part):
    """Where a value comes from, and how it is converted.

    - `sources`: paths of fields. The first one that has a value counts.
    - `constant`, `template`: instead of a field.
    - `convert`: names of conversions, in their order.
    - `lookup`: another document, which the value names, and its field.
    - `derive`: the kind of entry whose id is derived from the value.
    - `default`: the value if there is none. It is not converted.
    - `separator`, `size`, `values`: options of conversions.
    - `when`: conditions without which there is no value, not even the default.
    """

    sources: Many = Field(default=(), alias="from")
    constant: Constant | None = None
    template: str | None = None
    convert: Many = ()
    lookup: LookupRule | None = None
    derive: str | None = None
    default: Constant | None = None
    separator: str | None = Field(default=None, min_length=1)
    size: int | None = None
    values: dict[str, Constant] | None = None
    when: Conditions = ()


Value = Annotated[ValueRule, BeforeValidator(_written_out)]


class SkipRule(Condition):
    """Which documents are left out, and why."""

    reason: str = Field(min_length=1)


class EachRule(_Part):
    """The path of a list or of an object. A text needs a `separator`."""

    source: str = Field(alias="from")
    separator: str | None = Field(default=None, min_length=1)


class EntryRule(_Part):
    """One kind of entry of a document. Its other keys are fields of that kind.

    - `each`: a list. Each of its elements becomes an entry.
    - `when`: conditions for the entry.
    """

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True, frozen=True)

    kind: str
    each: Annotated[EachRule, BeforeValidator(_written_out)] | None = None
    when: Conditions = ()


class CollectionRule(_Part):
    """What becomes of the documents of a collection.

    - `id`: the path of the id by which reports name a document.
    - `tenant`: the code of its tenant.
    - `changed_at`: when a document was changed, for an import of later changes.
    - `unknown`: whether fields that no rule names are kept in the first entry's
      `properties` or `attributes`, or dropped.
    - `drop`: paths of fields that are left out, and the reason.
    - `skip`: conditions under which a document is left out.
    - `ignore`: the reason why the whole collection is left out.
    """

    id: str | None = None
    tenant: Value | None = None
    changed_at: Value | None = None
    unknown: Literal["keep", "drop"] = "keep"
    drop: dict[str, str] = Field(default_factory=dict)
    skip: tuple[SkipRule, ...] = ()
    ignore: str | None = Field(default=None, min_length=1)
    entries: tuple[EntryRule, ...] = ()


class CsvRule(_Part):
    """How CSV files are written. The delimiter is a comma, or a tab in .tsv files."""

    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    encoding: Annotated[str, AfterValidator(_of_lines)] = "utf-8"


class MappingFile(_Part):
    """A whole file. `tenant` is that of collections that name none."""

    tenant: Value | None = None
    csv: CsvRule = CsvRule()
    collections: dict[str, CollectionRule]


def read_mapping(path: Path) -> tuple[str, MappingFile]:
    """Return the text and the parts of a file. Raises ConfigurationError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        return text, MappingFile.model_validate(tomllib.loads(text))
    except OSError as error:
        message = f"mapping {path} cannot be read: {error.strerror}"
        raise ConfigurationError(message) from error
    except ValidationError as error:
        problems = problems_of(error, ())
        raise refuse_file(path, text, problems) from None
    except ValueError as error:  # no TOML, or no UTF-8
        message = f"mapping {path} is no TOML: {error}"
        raise ConfigurationError(message) from None
