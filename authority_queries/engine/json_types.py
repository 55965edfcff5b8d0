"""Types of JSON values."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from typing_extensions import TypeAliasType

# A TypeAliasType: `get_type_hints` of a record resolves its recursion. It names the
# aliases below: with Sequence[JsonValue] here, pyright takes those for partly unknown.
JsonValue = TypeAliasType(
    "JsonValue", "bool | int | float | str | JsonArray | JsonObject | None"
)
JsonObject: TypeAlias = Mapping[str, JsonValue]
JsonArray: TypeAlias = Sequence[JsonValue]
