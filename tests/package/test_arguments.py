"""Calls every generated function with wrong values for each parameter."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, IPv6Interface
from types import ModuleType
from typing import Any, Final, cast
from uuid import UUID

import psycopg
import pytest

import authority_queries.queries
from authority_queries import NewToken, Retention, Store, mint_token
from authority_queries.engine.runtime import Parameters, checks
from authority_queries.errors import InvalidArgumentError
from authority_queries.queries import scopes
from authority_queries.secrets import (
    derive_token,
    format_request_uri,
    hash_user_code,
    normalize_user_code,
    parse_request_uri,
    parse_token,
)

_ID: Final = UUID(int=1)
_LATE: Final = datetime(2026, 1, 2, tzinfo=UTC)
_DEEP: Final[dict[str, Any]] = {}
_DEEP["a"] = _DEEP
_SURROGATE, _NUL, _HUGE = "\ud800", "a\0", "a" * (1 << 20) + "a"

# Wrong values by annotation. None is wrong too, unless the annotation has it.
WRONG: Final[Mapping[str, tuple[object, ...]]] = {
    "UUID": (str(_ID), 1, _ID.bytes),
    "str": (1, b"a", _ID, _NUL, _SURROGATE, _HUGE),
    "Literal": ("nothing", "", 1, b"access"),
    "Sequence[str]": ("abc", 5, {"a"}, [1], [None], [_NUL], [_SURROGATE], [_HUGE]),
    "Sequence[bytes]": (b"abc", 5, ["a"], [None], [bytearray(32)]),
    "Sequence[UUID]": (_ID, str(_ID), [str(_ID)], [None]),
    "Sequence[int]": ([2**63], ["1"], [None], 1),
    "Sequence[Literal]": ("active", ["nothing"], [1]),
    "bytes": ("a", bytearray(32), memoryview(bytes(32)), [1], _HUGE.encode()),
    "bool": (1, 0, "true"),
    "int": ("1", 1.9, True, 1 << 63, -(1 << 63) - 1),
    "datetime": (
        "now",
        date(2026, 1, 2),
        _LATE.replace(tzinfo=None),
        datetime(1899, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(9000, 1, 1, tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
    ),
    "date": ("2026-01-02", _LATE, 1),
    "timedelta": (60, "1 day", timedelta(days=36_525, microseconds=1), timedelta.min),
    "Sequence[JsonValue]": ("[]", {"a": 1}, [_NUL], [float("nan")], [10**400], [b"a"]),
    "Mapping[str, JsonValue]": (
        "{}",
        ["a"],
        _DEEP,
        {1: 2},
        {"a": _NUL},
        {_SURROGATE: 1},
        {"a": float("nan")},
        {"a": 10**400},
        {"a": b"a"},
        {"a": _HUGE},
    ),
    "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue]": (
        b"{}",
        _LATE,
        _NUL,
        _DEEP,
        [10**400],
    ),
    "IPv4Address | IPv6Address": ("127.0.0.1", 1),
}
CANDIDATES: Final[tuple[object, ...]] = (
    None,
    _ID,
    "a",
    "a" * 43,
    b"a",
    b"a" * 32,
    True,
    1,
    _LATE,
    date(2026, 1, 2),
    timedelta(1),
    {},
    [],
    IPv4Address("127.0.0.1"),
)


class Untouchable:
    """A connection that fails the test when it is used."""

    def __getattribute__(self, name: str) -> object:
        raise AssertionError(name)


def modules() -> Iterator[ModuleType]:
    package = authority_queries.queries
    for found in pkgutil.iter_modules(package.__path__):
        yield importlib.import_module(f"{package.__name__}.{found.name}")


def functions() -> Iterator[tuple[str, ModuleType, Callable[..., Any]]]:
    """Yield each generated function with its query's name and its module."""
    for module in modules():
        stem = module.__name__.rpartition(".")[2]
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__:
                plain = re.sub(r"(_stream)?(_async)?$", "", name)
                yield f"{stem}.{plain}", module, function


def refused(annotation: object) -> Iterator[object]:
    """Yield values that a parameter with this annotation must refuse."""
    text = re.sub(r"\w+\.", "", inspect.formatannotation(annotation))
    text = re.sub(r"^Optional\[(.*)\]$", r"\1 | None", text)
    kind = re.sub(r"Literal\[[^]]*\]", "Literal", text.removesuffix(" | None"))
    yield from WRONG[kind]
    if not text.endswith("None"):
        yield None


def fitting(module: ModuleType, query: str) -> dict[str, object]:
    """Return a valid argument for each parameter of the query."""
    takes = getattr(module, f"_{query.partition('.')[2]}_takes")
    found: dict[str, object] = {}
    for name in takes:
        for candidate in CANDIDATES:
            try:
                takes.sent({name: candidate})
            except InvalidArgumentError:
                continue
            found[name] = candidate
            break
        else:
            found[name] = next(iter(re.findall(r"'(\w+)'", why(takes, name))))
    return found


def why(takes: Any, name: str) -> str:
    with pytest.raises(InvalidArgumentError) as error:
        takes.sent({name: "nothing"})
    return str(error.value)


def call(function: Callable[..., Any], arguments: Mapping[str, object]) -> None:
    result = function(Untouchable(), **arguments)
    if inspect.iscoroutine(result):
        result.send(None)


def mistakes() -> Iterator[str]:
    """Yield each wrong argument whose error does not name argument and query."""
    for query, module, function in functions():
        parameters = [
            parameter
            for parameter in inspect.signature(function).parameters.values()
            if parameter.kind is parameter.KEYWORD_ONLY and parameter.name != "size"
        ]
        good = fitting(module, query) if parameters else {}
        for parameter in parameters:
            for value in refused(parameter.annotation):
                label = f"{function.__name__}: {parameter.name}={value!r:.40}"
                try:
                    call(function, {**good, parameter.name: value})
                except InvalidArgumentError as error:
                    if (error.argument, error.query) != (parameter.name, query):
                        yield f"{label}: {error.argument}, {error.query}"
                    if not re.match(
                        rf"(an element of )?{parameter.name} must ", f"{error}"
                    ):
                        yield f"{label}: {error}"
                except Exception as error:
                    yield f"{label}: {error!r}"
                else:
                    yield f"{label}: taken"


def test_the_error_for_a_wrong_argument_names_it_and_nothing_is_sent() -> None:
    assert [*mistakes()] == []


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (IPv6Address("fe80::1%eth0"), IPv6Address("fe80::1")),
        (IPv6Interface("fe80::1%eth0/64"), IPv6Interface("fe80::1/64")),
    ],
)
def test_an_address_is_sent_without_its_zone(
    given: IPv6Address, sent: IPv6Address
) -> None:
    assert checks.address("address", given) == sent


def test_an_unchecked_argument_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    takes = Parameters(
        "scopes.get_by_name", tenant_id=checks.uuid, name=checks.anything
    )
    monkeypatch.setattr(scopes._get_by_name_takes, "_checks", takes._checks)
    assert {mistake.partition("=")[0] for mistake in mistakes()} == {
        "get_by_name: name",
        "get_by_name_async: name",
    }


TOKEN = mint_token("access", _ID)
STORE = Store(cast("psycopg.Connection[object]", Untouchable()))
OF_ONE: Final[dict[str, Any]] = {"tenant_id": _ID, "client_id": "app"}
CODE: Final[dict[str, Any]] = {
    **OF_ONE,
    "token_hash": TOKEN.hash,
    "user_id": _ID,
    "authenticated_at": None,
}
CLIENT_TOKEN: Final[dict[str, Any]] = {
    **OF_ONE,
    "token_hash": TOKEN.hash,
    "lifetime": timedelta(hours=1),
}
# Calls that check arguments in Python: function, valid arguments, wrong arguments.
OTHERS: Final[list[tuple[Callable[..., object], dict[str, Any], dict[str, Any]]]] = [
    (
        mint_token,
        {"kind": "access", "tenant_id": _ID},
        {"kind": "id", "tenant_id": "1"},
    ),
    (
        derive_token,
        {"kind": "access", "parent": TOKEN, "key": bytes(32)},
        {"kind": None, "parent": TOKEN.token, "key": bytes(31)},
    ),
    (parse_token, {"token": TOKEN.token}, {"token": None}),
    (parse_request_uri, {}, {"request_uri": 1}),
    (format_request_uri, {}, {"reference": "urn:"}),
    (hash_user_code, {"tenant_id": _ID}, {"user_code": 1}),
    (normalize_user_code, {}, {"text": b"WDJB-MJHT"}),
    (
        NewToken,
        {"hash": TOKEN.hash, "lifetime": timedelta(1)},
        {"hash": TOKEN.token, "lifetime": 60},
    ),
    (Retention, {}, {"expired": 1, "usage": timedelta.max, "months_ahead": True}),
    (STORE.users.list, {"tenant_id": _ID}, {"page_size": "10", "tenant_id": str(_ID)}),
    (
        STORE.grants.issue_code,
        CODE,
        {
            "client_id": _ID,
            "authenticated_at": "now",
            "lifetime": 60,
            "family_lifetime": timedelta(days=36_526),
            "scopes": ["openid admin"],
            "code_challenge": 1,
            "properties": [],
        },
    ),
    (STORE.grants.issue_to_client, CLIENT_TOKEN, {"lifetime": timedelta(0)}),
    (
        STORE.used_jtis.use,
        {
            "tenant_id": _ID,
            "kind": "dpop_proof",
            "issuer": "a" * 43,
            "jti": "1",
            "expires_at": _LATE,
        },
        {"jti": None, "kind": "proof", "expires_at": 1_800_000_000},
    ),
]


def test_the_error_for_an_argument_checked_in_python_names_it() -> None:
    for function, given, wrong in OTHERS:
        for name, value in wrong.items():
            with pytest.raises(InvalidArgumentError, match=f"{name} must ") as refused:
                function(**{**given, name: value})
            assert refused.value.argument == name
