"""Types of JSON values."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from typing_extensions import TypeAliasType

if TYPE_CHECKING:
    # Pyright in strict mode takes the recursion of a TypeAliasType for an unknown type.
    JsonValue: TypeAlias = (
        bool
        | int
        | float
        | str
        | Sequence["JsonValue"]
        | Mapping[str, "JsonValue"]
        | None
    )
else:
    # `get_type_hints` of a record resolves the recursion of this form.
    JsonValue = TypeAliasType(
        "JsonValue",
        "bool | int | float | str"
        " | Sequence[JsonValue] | Mapping[str, JsonValue] | None",
    )
JsonObject: TypeAlias = Mapping[str, JsonValue]
JsonArray: TypeAlias = Sequence[JsonValue]
