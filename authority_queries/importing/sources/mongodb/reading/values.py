"""How values of BSON are decoded."""

from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID

from bson.binary import (
    OLD_UUID_SUBTYPE,
    UUID_SUBTYPE,
    Binary,
    UuidRepresentation,
)
from bson.codec_options import (
    CodecOptions,
    DatetimeConversion,
    TypeDecoder,
    TypeRegistry,
)

from authority_queries.errors import ConfigurationError

# Times are in UTC, of any year.
BINARY_AS_IT_IS: Final = CodecOptions[dict[str, Any]](
    tz_aware=True,
    uuid_representation=UuidRepresentation.UNSPECIFIED,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)

_UUID_OCTETS: Final = 16
_OPTION: Final = "uuidRepresentation"
_LEGACY: Final = {
    "csharpLegacy": UuidRepresentation.CSHARP_LEGACY,
    "javaLegacy": UuidRepresentation.JAVA_LEGACY,
    "pythonLegacy": UuidRepresentation.PYTHON_LEGACY,
}


def parse_representation(query: str) -> int:
    """Return who wrote UUIDs of subtype 3, from the options of a location.

    OpenIddict and ASP.NET Core Identity use the driver for .NET: csharpLegacy.
    """
    options = dict(parse_qsl(query, keep_blank_values=True))
    name = options.pop(_OPTION, "csharpLegacy")
    if options:
        message = f"a path of documents has one option, {_OPTION}"
        raise ConfigurationError(message)
    if name not in _LEGACY:
        message = f"{_OPTION} must be one of {', '.join(_LEGACY)}"
        raise ConfigurationError(message)
    return _LEGACY[name]


def choose_representation(representation: int) -> int:
    """Return who wrote UUIDs of subtype 3, from the option of a server's URL."""
    return (
        representation
        if representation in _LEGACY.values()
        else UuidRepresentation.CSHARP_LEGACY
    )


class UuidDecoder(TypeDecoder):
    """Decodes UUIDs of both subtypes. `legacy` is the writer of those of subtype 3."""

    bson_type = Binary

    def __init__(self, legacy: int) -> None:
        self.legacy = legacy

    def transform_bson(self, value: object) -> object:
        """Return a UUID, or other data as bytes."""
        if not isinstance(value, Binary):
            return value
        if len(value) == _UUID_OCTETS:
            if value.subtype == UUID_SUBTYPE:
                return UUID(bytes=bytes(value))
            if value.subtype == OLD_UUID_SUBTYPE:
                return value.as_uuid(self.legacy)
        return bytes(value)

    def transform_all(self, value: object) -> Any:  # noqa: ANN401 -- of any shape
        """Return a document, a list or a value with each value transformed."""
        if isinstance(value, dict):
            return {name: self.transform_all(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.transform_all(one) for one in value]
        return self.transform_bson(value)


def decoding_uuids(legacy: int) -> CodecOptions[dict[str, Any]]:
    """Return BINARY_AS_IT_IS with UUIDs instead of binary data."""
    return BINARY_AS_IT_IS.with_options(
        type_registry=TypeRegistry([UuidDecoder(legacy)])
    )
