"""Conversions of values of other stores. A refusal never repeats the value."""

import base64
import hashlib
import math
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authority_queries.credentials import verify_client_secret, verify_password
from authority_queries.importing.conversions import CONVERSIONS, ConversionError

pytestmark = pytest.mark.one_version

MOMENT: Final = datetime(2026, 1, 31, 12, 30, 15, 123456, tzinfo=UTC)
MOMENTS: Final = st.datetimes(
    datetime(1900, 1, 2), datetime(8999, 12, 30), timezones=st.just(UTC)
)
A_UUID: Final = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
# 100 ns since the year 1.
TICKS: Final = 639054594151234567
ASPNET: Final = base64.b64encode(
    b"\x01\0\0\0\x01\0\x01\x86\xa0\0\0\0\x10" + b"s" * 16 + b"h" * 32
).decode()


class Binary(bytes):
    """Stands for the class of BSON, which is bytes with a subtype."""

    subtype = 3


class ObjectId:
    """Stands for the class of BSON."""

    def __str__(self) -> str:
        return "697df767" + "0" * 16


def encoded(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def extended(octets: bytes, subtype: str) -> object:
    return {"$binary": {"base64": encoded(octets), "subType": subtype}}


CASES: Final[list[tuple[str, object, object]]] = [
    ("text", "Ann", "Ann"),
    ("text", 7, "7"),
    ("text", A_UUID, str(A_UUID)),
    ("text", ObjectId(), "697df767" + "0" * 16),
    ("text", {"$oid": "697df767" + "0" * 16}, "697df767" + "0" * 16),
    ("lower", "Straße A", "straße a"),
    ("strip", "  a b ", "a b"),
    ("boolean", True, True),
    ("boolean", " Yes ", True),
    ("boolean", 0, False),
    ("boolean", "f", False),
    ("integer", "42", 42),
    ("integer", "42.0", 42),
    ("integer", 42.0, 42),
    ("integer", {"$numberLong": "42"}, 42),
    ("list", ["b", "a", "b", 1], ("b", "a", "1")),
    ("list", '["a", "b"]', ("a", "b")),
    ("json", '{"a": [1, null]}', {"a": [1, None]}),
    ("json", {"at": [MOMENT]}, {"at": [MOMENT.isoformat()]}),
    ("json", [{"$numberLong": "7"}, {"$numberDouble": "1.5"}], [7, 1.5]),
    ("json", {"octets": b"\xff"}, {"octets": "/w=="}),
    ("json", {"n": math.nan, "u": A_UUID}, {"n": "nan", "u": str(A_UUID)}),
    ("json", [{"$date": {"$numberLong": "0"}}], ["1970-01-01T00:00:00+00:00"]),
    ("moment", MOMENT, MOMENT),
    ("moment", MOMENT.replace(tzinfo=None), MOMENT),
    ("moment", "2026-01-31T13:30:15.1234567+01:00", MOMENT),
    ("moment", "2026-01-31 12:30:15.123456Z", MOMENT),
    ("moment", {"$date": "2026-01-31T12:30:15.123456Z"}, MOMENT),
    (
        "moment",
        {"$date": {"$numberLong": "1000"}},
        datetime(1970, 1, 1, 0, 0, 1, 0, UTC),
    ),
    ("moment", {"$date": 1000}, datetime(1970, 1, 1, 0, 0, 1, 0, UTC)),
    ("moment", [TICKS + 36_000_000_000, 60], MOMENT),
    ("moment", {"DateTime": MOMENT, "Ticks": TICKS, "Offset": 0}, MOMENT),
    ("utc_moment", "2026-01-31T12:30:15.123456", MOMENT),
    ("utc_moment", "2026-01-31T13:30:15.123456+01:00", MOMENT),
    ("epoch_seconds", "1769862615.123456", MOMENT),
    ("epoch_seconds", 0, datetime(1970, 1, 1, tzinfo=UTC)),
    ("epoch_milliseconds", 1769862615123, MOMENT.replace(microsecond=123000)),
    ("dotnet_ticks", TICKS, MOMENT),
    ("object_id_moment", ObjectId(), datetime(2026, 1, 31, 12, 36, 55, tzinfo=UTC)),
    ("object_id_number", ObjectId(), 0x697DF767 << 20),
    ("date", "2026-01-31", date(2026, 1, 31)),
    ("date", MOMENT, date(2026, 1, 31)),
    ("interval", 90, timedelta(seconds=90)),
    ("interval", "90.5", timedelta(seconds=90.5)),
    ("interval", "P14D", timedelta(days=14)),
    ("interval", "14.00:00:00", timedelta(days=14)),
    ("interval", "-00:01:00.5000000", timedelta(seconds=-60.5)),
    ("uuid", str(A_UUID), A_UUID),
    ("uuid", A_UUID.hex.upper(), A_UUID),
    ("uuid", f"{{{A_UUID}}}", A_UUID),
    ("uuid", A_UUID.bytes, A_UUID),
    ("csharp_uuid", Binary(A_UUID.bytes_le), A_UUID),
    ("csharp_uuid", str(A_UUID), A_UUID),
    ("csharp_uuid", extended(A_UUID.bytes_le, "03"), A_UUID),
    ("csharp_uuid", extended(A_UUID.bytes, "04"), A_UUID),
    ("csharp_uuid", {"$binary": encoded(A_UUID.bytes_le), "$type": "03"}, A_UUID),
    ("java_uuid", Binary(A_UUID.bytes[7::-1] + A_UUID.bytes[:7:-1]), A_UUID),
    ("base64", "/+8=", b"\xff\xef"),
    ("base64", "/+8", b"\xff\xef"),
    ("base64", b"raw", b"raw"),
    ("base64url", "_-8", b"\xff\xef"),
    ("hex", "0xFFef", b"\xff\xef"),
    ("hex", r"\xffef", b"\xff\xef"),
    ("sha256", "token", hashlib.sha256(b"token").digest()),
    ("foreign_token", "token", b"\0" + hashlib.sha256(b"token").digest()),
    ("foreign_digest", encoded(b"\xff" * 32), b"\0" + b"\xff" * 32),
    ("foreign_digest", "_" * 42 + "8", b"\0" + b"\xff" * 32),
    ("foreign_digest", "ff" * 32, b"\0" + b"\xff" * 32),
    ("foreign_digest", b"\xff" * 32, b"\0" + b"\xff" * 32),
    ("username", "Ann", "Ann"),
    ("email", "ann@example.com", "ann@example.com"),
    ("client_secret_hash", "$sha256$" + "A" * 43, "$sha256$" + "A" * 43),
]
# What accepts anything that is not listed here: JSON, and passwords.
LENIENT: Final = {"json", "enumeration", "plain_password", "plain_client_secret"}
STRICT: Final = CONVERSIONS.keys() - LENIENT
REFUSED: Final[list[tuple[str, object]]] = [
    ("boolean", 2),
    ("integer", True),
    ("integer", "4.5"),
    ("integer", 1e300),
    ("text", None),
    ("text", b"hunter2"),
    ("list", "hunter2 b"),
    ("list", b"hunter2"),
    ("json", "{hunter2"),
    ("json", '"\\u0000hunter2"'),
    ("json", "[" * 100_000),
    ("moment", "2026-01-31T12:30:15"),
    ("moment", 1769862615),
    ("moment", "0001-01-01T00:00:00Z"),
    ("moment", "9999-12-31T23:59:59.9999999-10:00"),
    ("epoch_seconds", "1e400"),
    ("epoch_seconds", "nan"),
    ("epoch_seconds", True),
    ("epoch_milliseconds", 1 << 62),
    ("interval", "P1X"),
    ("interval", "1e30"),
    ("uuid", Binary(A_UUID.bytes)),
    ("uuid", b"short"),
    ("csharp_uuid", b"short"),
    ("java_uuid", b"short"),
    ("base64", "hunter2!"),
    ("hex", "hunter2"),
    ("foreign_digest", "hunter2"),
    ("foreign_digest", "ff" * 31),
    ("username", "hunter2  b"),
    ("email", "hunter2"),
    ("password_hash", "hunter2"),
    ("password_hash", "$2b$31$" + "a" * 53),
    ("keycloak_hash", {"credentialData": "hunter2", "secretData": "{}"}),
    ("sha256_client_secret", "aHVudGVyMg=="),
    ("plain_password", "hunter2" * 1000),
    ("plain_password", {"secret": "hunter2"}),
    *((name, {"secret": "hunter2"}) for name in sorted(STRICT)),
    *((name, "\ud800hunter2") for name in sorted(STRICT)),
    *((name, "hunter2\0") for name in sorted(STRICT)),
]


@pytest.mark.parametrize(("name", "value", "expected"), CASES)
def test_a_value_is_converted(name: str, value: object, expected: object) -> None:
    assert CONVERSIONS[name](value) == expected


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_a_refusal_does_not_repeat_the_value(name: str, value: object) -> None:
    with pytest.raises(ConversionError) as refusal:
        CONVERSIONS[name](value)
    assert str(refusal.value)
    assert "hunter2" not in str(refusal.value)
    assert refusal.value.__suppress_context__
    assert refusal.value.__cause__ is None


KEYS: Final = st.text() | st.sampled_from(
    ["$date", "$oid", "$numberLong", "Ticks", "Offset", "$binary", "$type"]
)


@settings(deadline=None)  # the machine may be busy
@given(st.sampled_from(sorted(STRICT | {"json", "enumeration"})), st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(),
    st.datetimes(), st.uuids(), st.lists(st.text() | st.integers() | st.floats()),
    st.dictionaries(KEYS, st.text() | st.integers()),
))  # fmt: skip
def test_any_value_is_converted_or_refused(name: str, value: object) -> None:
    options = {"values": {"a": "b"}} if name == "enumeration" else {}
    try:
        found = CONVERSIONS[name](value, **options)
    except ConversionError:
        return
    assert found is not None or name == "json"


@settings(deadline=None)  # the machine may be busy
@given(MOMENTS)
def test_each_spelling_of_a_moment_is_the_same_moment(value: datetime) -> None:
    since = value - datetime(1970, 1, 1, tzinfo=UTC)
    micros = since // timedelta(microseconds=1)
    ticks = (value - datetime(1, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10
    assert CONVERSIONS["moment"](value.isoformat()) == value
    assert CONVERSIONS["epoch_seconds"](Decimal(micros).scaleb(-6)) == value
    assert CONVERSIONS["epoch_milliseconds"](micros // 1000) == value.replace(
        microsecond=value.microsecond // 1000 * 1000
    )
    assert CONVERSIONS["dotnet_ticks"](ticks) == value
    assert CONVERSIONS["moment"]([ticks - 330 * 600_000_000, -330]) == value


@settings(deadline=None)  # the machine may be busy
@given(st.binary(max_size=80))
def test_octets_survive_each_notation(value: bytes) -> None:
    standard = base64.b64encode(value).decode()
    for text in (standard, standard.rstrip("=")):
        assert CONVERSIONS["base64"](text, size=len(value)) == value
    assert CONVERSIONS["base64url"](base64.urlsafe_b64encode(value).decode()) == value
    assert CONVERSIONS["hex"](value.hex()) == value
    with pytest.raises(ConversionError, match="octets"):
        CONVERSIONS["base64"](standard, size=len(value) + 1)


@pytest.mark.parametrize("separator", [" ", ",", ";"])
def test_a_list_is_split_at_its_separator(separator: str) -> None:
    written = f"a{separator} b {separator}{separator}c{separator}a"
    assert CONVERSIONS["list"](written, separator=separator) == ("a", "b", "c")


def test_a_table_maps_texts_and_refuses_others() -> None:
    values = {"Confidential": "confidential", "0": "public", "true": "public"}
    convert: Callable[..., object] = CONVERSIONS["enumeration"]
    for value, expected in (("Confidential", "confidential"), (0, "public")):
        assert convert(value, values=values) == expected
    yes: object = True
    assert convert(yes, values=values) == "public"
    with pytest.raises(ConversionError, match="none of the listed values"):
        convert("hunter2", values=values)


def converted(name: str, value: object) -> str:
    return str(CONVERSIONS[name](value))


def test_imported_hashes_verify() -> None:
    bcrypt = "$2b$04$abcdefghijklmnopqrstuuBtHsjeE3ZOFZ3Q3BSxBFx0n1sb8BE6u"
    assert converted("password_hash", f"bcrypt${bcrypt}") == bcrypt
    assert converted("client_secret_hash", ASPNET).startswith("$pbkdf2-sha256$")
    digest = encoded(hashlib.sha256(b"chosen").digest())
    assert verify_client_secret(converted("sha256_client_secret", digest), "chosen")
    assert verify_password(converted("plain_password", "Pa55"), "Pa55")
    assert verify_client_secret(converted("plain_client_secret", "Pa55"), "Pa55")
    derived = hashlib.pbkdf2_hmac("sha256", b"Pa55", b"salt" * 4, 1000)
    credential = {
        "credentialData": {"algorithm": "pbkdf2-sha256", "hashIterations": 1000},
        "secretData": {"value": encoded(derived), "salt": encoded(b"salt" * 4)},
    }
    assert verify_password(converted("keycloak_hash", credential), "Pa55")
