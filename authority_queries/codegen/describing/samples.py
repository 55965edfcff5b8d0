"""Sample values of each type, as generated modules pass them to psycopg.

They decide the types that psycopg sends.
"""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from ipaddress import ip_address, ip_network
from typing import Final
from uuid import UUID

from psycopg.types.json import Json, Jsonb
from psycopg.types.multirange import Multirange
from psycopg.types.numeric import Int2, Int4, Int8
from psycopg.types.range import Range

from authority_queries.codegen.describing.pg_types import PgType, PgTypes

_MOMENT: Final = datetime(2000, 1, 1, tzinfo=UTC)
_BASES: Final[dict[str, object]] = {
    "bool": True,
    "int2": Int2(1),
    "int4": Int4(1),
    "int8": Int8(1),
    "oid": Int8(1),
    "float4": 1.0,
    "float8": 1.0,
    "numeric": Decimal(1),
    "uuid": UUID(int=1),
    "bytea": b"\0",
    "date": date(2000, 1, 1),
    "time": time(1),
    "timetz": time(1, tzinfo=UTC),
    "timestamp": _MOMENT.replace(tzinfo=None),
    "timestamptz": _MOMENT,
    "interval": "1 microseconds",
    "inet": ip_address("::1"),
    "cidr": ip_network("::/8"),
    "json": Json({}),
    "jsonb": Jsonb({}),
}


def sample(pg_types: PgTypes, oid: int) -> object:
    """Return a value of the type's Python type. Other types are sent as text."""
    pg_type = pg_types.type(oid)
    match pg_type.kind:
        case "array":
            return [sample(pg_types, pg_type.element)]
        case "domain":
            return sample(pg_types, pg_type.element)
        case "range":
            return _range(pg_types, pg_type)
        case "multirange":
            return Multirange([_range(pg_types, pg_types.type(pg_type.element))])
        case _:
            return _BASES.get(pg_type.name, "") if pg_type.is_builtin else ""


def _range(pg_types: PgTypes, pg_type: PgType) -> Range[object]:
    bound = sample(pg_types, pg_type.element)
    # The bounds of a range are passed on as the caller writes them.
    return Range(int(bound) if isinstance(bound, int) else bound, None)
