"""Lists of objects in a document."""

from pydantic import JsonValue

from authority_queries.importing.conversions import ConversionError, json_object


def objects(value: object) -> list[dict[str, JsonValue]]:
    """Convert a list whose values are objects."""
    if not isinstance(value, list):
        message = "is no list"
        raise ConversionError(message)
    return [json_object(each) for each in value]
