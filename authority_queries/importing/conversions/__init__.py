"""Conversions that all sources share: a value of another store becomes one of ours.

Each function raises ConversionError, whose message is the reason without the value.
None is no value: callers do not convert it. Mapping files name the functions by the
keys of CONVERSIONS.
"""

from collections.abc import Callable, Mapping
from typing import Final

from authority_queries.importing.conversions.base import (
    ConversionError,
    Value,
    unwrapped,
)
from authority_queries.importing.conversions.credentials import (
    client_secret_hash,
    email,
    keycloak_hash,
    password_hash,
    plain_client_secret,
    plain_password,
    sha256_client_secret,
    username,
)
from authority_queries.importing.conversions.octets import (
    base64,
    base64url,
    csharp_uuid,
    hexadecimal,
    java_uuid,
    sha256,
    uuid,
)
from authority_queries.importing.conversions.scalars import (
    boolean,
    integer,
    json_object,
    lower,
    mapped,
    parsed_json,
    plain_json,
    stripped,
    text,
    text_list,
)
from authority_queries.importing.conversions.times import (
    day,
    dotnet_ticks,
    epoch_milliseconds,
    epoch_seconds,
    interval,
    moment,
    object_id_moment,
    utc_moment,
)

# The options of `list`, `base64`, `base64url`, `hex` and `enumeration` are keywords.
CONVERSIONS: Final[Mapping[str, Callable[..., object]]] = {
    "text": text,
    "lower": lower,
    "strip": stripped,
    "boolean": boolean,
    "integer": integer,
    "list": text_list,
    "json": parsed_json,
    "enumeration": mapped,
    "moment": moment,
    "utc_moment": utc_moment,
    "epoch_seconds": epoch_seconds,
    "epoch_milliseconds": epoch_milliseconds,
    "dotnet_ticks": dotnet_ticks,
    "object_id_moment": object_id_moment,
    "date": day,
    "interval": interval,
    "uuid": uuid,
    "csharp_uuid": csharp_uuid,
    "java_uuid": java_uuid,
    "base64": base64,
    "base64url": base64url,
    "hex": hexadecimal,
    "sha256": sha256,
    "username": username,
    "email": email,
    "password_hash": password_hash,
    "keycloak_hash": keycloak_hash,
    "plain_password": plain_password,
    "client_secret_hash": client_secret_hash,
    "sha256_client_secret": sha256_client_secret,
    "plain_client_secret": plain_client_secret,
}

__all__ = [
    "CONVERSIONS",
    "ConversionError",
    "Value",
    "base64",
    "base64url",
    "boolean",
    "client_secret_hash",
    "csharp_uuid",
    "day",
    "dotnet_ticks",
    "email",
    "epoch_milliseconds",
    "epoch_seconds",
    "hexadecimal",
    "integer",
    "interval",
    "java_uuid",
    "json_object",
    "keycloak_hash",
    "lower",
    "mapped",
    "moment",
    "object_id_moment",
    "parsed_json",
    "password_hash",
    "plain_client_secret",
    "plain_json",
    "plain_password",
    "sha256",
    "sha256_client_secret",
    "stripped",
    "text",
    "text_list",
    "unwrapped",
    "username",
    "utc_moment",
    "uuid",
]
