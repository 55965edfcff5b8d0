"""Checks of arguments: each returns the value that psycopg sends, or refuses it.

A check takes an argument's name and value. Generated modules have one for each
parameter of a query, by its type and by its column's check constraint. It raises
InvalidArgumentError, which names the argument and never repeats the value.
"""

from authority_queries.engine.checks.documents import json, jsonb
from authority_queries.engine.checks.scalars import (
    Check,
    address,
    anything,
    boolean,
    declared,
    instance,
    int2,
    int4,
    int8,
    network,
    number,
    octets,
    one_of,
    optional,
    real,
    text,
    uuid,
)
from authority_queries.engine.checks.sequences import (
    array,
    composite,
    resource_list,
    scope_list,
    text_list,
)
from authority_queries.engine.checks.times import (
    END_OF_MOMENTS,
    FIRST_MOMENT,
    LONGEST,
    date,
    duration,
    exact_duration,
    local_moment,
    moment,
    time,
)

__all__ = [
    "END_OF_MOMENTS",
    "FIRST_MOMENT",
    "LONGEST",
    "Check",
    "address",
    "anything",
    "array",
    "boolean",
    "composite",
    "date",
    "declared",
    "duration",
    "exact_duration",
    "instance",
    "int2",
    "int4",
    "int8",
    "json",
    "jsonb",
    "local_moment",
    "moment",
    "network",
    "number",
    "octets",
    "one_of",
    "optional",
    "real",
    "resource_list",
    "scope_list",
    "text",
    "text_list",
    "time",
    "uuid",
]
