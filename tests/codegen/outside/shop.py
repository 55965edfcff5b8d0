"""A day in the shop: each of the ten queries, in both forms."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from ipaddress import IPv4Address
from typing import assert_type
from uuid import UUID

from music_shop.details import Details
from music_shop.queries import catalogue, customers, sales
from music_shop.records import (
    Address,
    Customer,
    CustomersListCustomersByIdsRow,
    CustomerStatus,
    Medium,
    NewTrack,
    Sale,
    Track,
)
from psycopg import AsyncConnection, Connection

ANN = UUID("00000000-0000-4000-8000-000000000001")
HOME = Address(street="Rue de l'Église 1", city="Lyon")
ADDRESS = IPv4Address("192.0.2.7")
SUPPLY = (
    NewTrack(
        id=1,
        artist_id=1,
        title="Feeling Good",
        medium="vinyl",
        price=Decimal("9.50"),
        genres=["jazz", "soul"],
        released_on=date(1965, 6, 1),
        details={"seconds": 178, "label": "Philips"},
    ),
    NewTrack(
        id=2,
        artist_id=None,
        title="100 % Summer",
        medium="download",
        price=Decimal("0.99"),
        genres=["pop"],
        released_on=date(2001, 7, 1),
        details={},
    ),
    NewTrack(
        id=3,
        artist_id=None,
        title="Not out yet",
        medium="cd",
        price=Decimal("5.00"),
        genres=["pop"],
        released_on=None,
        details={},
    ),
)
SALES = (
    Sale(customer_id=ANN, track_id=1, paid=Decimal("9.50")),
    Sale(customer_id=ANN, track_id=2, paid=Decimal("0.90")),
    Sale(customer_id=ANN, track_id=2, paid=Decimal("0.90")),
)
TODAY = date(2026, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The results of the queries."""

    loaded: int
    track: Track | None
    no_track: Track | None
    released: list[Track]
    streamed: list[str]
    pop: int
    created: Customer
    sold: int
    spending: list[CustomersListCustomersByIdsRow]
    closed: int
    closed_again: int
    found: Customer | None


def spend_a_day(connection: Connection[object]) -> Day:
    """Run all queries by the blocking functions."""
    sales.empty_shop(connection)
    loaded = catalogue.load_tracks(connection, SUPPLY)
    with catalogue.list_released_stream(
        connection, size=1, released_by=TODAY, medium=None
    ) as tracks:
        streamed = [track.title for track in tracks]
    created = customers.create_customer(
        connection, customer_id=ANN, name="Ann", home=HOME, last_address=ADDRESS
    )
    return Day(
        loaded=loaded,
        track=catalogue.get_track(connection, track_id=1),
        no_track=catalogue.get_track(connection, track_id=404),
        released=catalogue.list_released(
            connection, released_by=TODAY, medium="download"
        ),
        streamed=streamed,
        pop=catalogue.count_tracks(connection, genre="pop"),
        created=created,
        sold=sales.record_sales(connection, SALES),
        spending=customers.list_customers_by_ids(connection, customer_ids=[ANN]),
        closed=customers.set_status(connection, customer_id=ANN, status="closed"),
        closed_again=customers.set_status(connection, customer_id=ANN, status="closed"),
        found=customers.get_customer(connection, customer_id=ANN),
    )


async def spend_a_day_async(connection: AsyncConnection[object]) -> Day:
    """Run all queries by the asynchronous functions."""
    await sales.empty_shop_async(connection)
    loaded = await catalogue.load_tracks_async(connection, SUPPLY)
    async with catalogue.list_released_stream_async(
        connection, size=1, released_by=TODAY, medium=None
    ) as tracks:
        streamed = [track.title async for track in tracks]
    created = await customers.create_customer_async(
        connection, customer_id=ANN, name="Ann", home=HOME, last_address=ADDRESS
    )
    return Day(
        loaded=loaded,
        track=await catalogue.get_track_async(connection, track_id=1),
        no_track=await catalogue.get_track_async(connection, track_id=404),
        released=await catalogue.list_released_async(
            connection, released_by=TODAY, medium="download"
        ),
        streamed=streamed,
        pop=await catalogue.count_tracks_async(connection, genre="pop"),
        created=created,
        sold=await sales.record_sales_async(connection, SALES),
        spending=await customers.list_customers_by_ids_async(
            connection, customer_ids=[ANN]
        ),
        closed=await customers.set_status_async(
            connection, customer_id=ANN, status="closed"
        ),
        closed_again=await customers.set_status_async(
            connection, customer_id=ANN, status="closed"
        ),
        found=await customers.get_customer_async(connection, customer_id=ANN),
    )


def check_types(track: Track, customer: Customer) -> None:
    """Fail the type checker, not the call, if a type is wider than declared."""
    assert_type(track.artist, str | None)  # a left join
    assert_type(track.main_genre, str)  # @notnull
    assert_type(track.released_on, date | None)  # @nullable in one, so in both
    assert_type(track.medium, Medium)
    assert_type(track.genres, Sequence[str])
    assert_type(track.details, Details)
    assert_type(customer.status, CustomerStatus)
    assert_type(customer.home, Address | None)
