"""Types of JSON values."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from typing_extensions import TypeAliasType

# A TypeAliasType: `get_type_hints` of a record then resolves its recursion. It names
# the aliases below: pyright takes Sequence[JsonValue] here for partly unknown.
JsonValue = TypeAliasType(
    "JsonValue", "bool | int | float | str | JsonArray | JsonObject | None"
)
JsonObject: TypeAlias = Mapping[str, JsonValue]
JsonArray: TypeAlias = Sequence[JsonValue]
