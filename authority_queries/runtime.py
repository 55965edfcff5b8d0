"""What generated modules are built on. Nothing else needs to import it."""

from authority_queries._async.query_file import AsyncQueryFile
from authority_queries._calls import AsyncCall, AsyncStream, Call, Stream
from authority_queries._cases import by_case
from authority_queries._conversions import (
    array,
    array_of_int2,
    array_of_int4,
    array_of_int8,
    aware,
    float4,
    float8,
    int2,
    int4,
    int8,
    json_text,
    json_value,
    naive,
)
from authority_queries._json_types import JsonArray, JsonObject, JsonValue
from authority_queries._sync.query_file import QueryFile

__all__ = [
    "AsyncCall",
    "AsyncQueryFile",
    "AsyncStream",
    "Call",
    "JsonArray",
    "JsonObject",
    "JsonValue",
    "QueryFile",
    "Stream",
    "array",
    "array_of_int2",
    "array_of_int4",
    "array_of_int8",
    "aware",
    "by_case",
    "float4",
    "float8",
    "int2",
    "int4",
    "int8",
    "json_text",
    "json_value",
    "naive",
]
