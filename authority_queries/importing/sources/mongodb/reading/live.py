"""Reads raw documents of a server."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from bson import json_util
from bson.binary import UuidRepresentation
from bson.errors import InvalidBSON
from pydantic import JsonValue
from pymongo import MongoClient
from pymongo.collection import Collection as MongoCollection
from pymongo.cursor import Cursor
from pymongo.database import Database
from pymongo.driver_info import DriverInfo
from pymongo.errors import ConfigurationError as UrlError
from pymongo.errors import PyMongoError

from authority_queries.errors import ConfigurationError, SourceError
from authority_queries.importing.documents import Collection
from authority_queries.importing.sources.mongodb.reading.values import (
    BINARY_AS_IT_IS,
    UuidDecoder,
    choose_representation,
)

_Raw: TypeAlias = dict[str, Any]

_BATCH: Final = 1000
_KEY: Final = [("_id", 1)]
_CANONICAL: Final = json_util.JSONOptions(
    json_mode=json_util.JSONMode.CANONICAL,
    tz_aware=True,
    uuid_representation=UuidRepresentation.UNSPECIFIED,
)


class ServerReader:
    """The collections of one database of a server. A cursor reads each in batches.

    `name` is where the documents are, without a password.
    """

    def __init__(
        self, client: MongoClient[_Raw], database: Database[_Raw], *, hosts: str
    ) -> None:
        self.name = f"mongodb://{hosts}/{database.name}"
        self._client = client
        self._database = database
        representation = client.codec_options.uuid_representation
        self._uuids = UuidDecoder(choose_representation(representation))

    def collections(self) -> Sequence[Collection]:
        """Return the collections, by name. Views are left out: they repeat documents.

        Raises SourceError.
        """
        with self._reported():
            names = [
                found["name"]
                for found in self._database.list_collections()
                if found.get("type", "collection") == "collection"
                and not found["name"].startswith("system.")
            ]
            return [
                Collection(
                    name=name,
                    estimated=self._database[name].estimated_document_count(),
                )
                for name in sorted(names)
            ]

    def read(
        self, collection: str, *, after: JsonValue = None, only: Sequence[str] = ()
    ) -> Iterator[tuple[JsonValue, _Raw]]:
        """Yield each document in the order of `_id`, with its `_id` as the position.

        Raises SourceError.
        """
        last = None
        if after is not None:
            last = json_util.loads(str(after), json_options=_CANONICAL)
        with self._reported(), _find(self._database[collection], last, only) as cursor:
            for document in cursor:
                # Keys of both subtypes of UUIDs keep their type in a position.
                position = json_util.dumps(document["_id"], json_options=_CANONICAL)
                if position != after:
                    yield position, self._uuids.transform_all(document)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except PyMongoError as error:
            # The text of an error of the server may repeat a value.
            message = f"{self.name} cannot be read: {type(error).__name__}"
            raise SourceError(message) from error
        except InvalidBSON as error:
            message = f"{self.name} has a document that is no BSON"
            raise SourceError(message) from error


def open_server(url: str) -> ServerReader:
    """Return a reader of the database that the URL names. Raises ConfigurationError.

    The server is asked for the first time by a method of the reader.
    """
    client: MongoClient[_Raw]
    try:
        client = MongoClient(url, driver=DriverInfo("authority-queries"))
    except (PyMongoError, ValueError) as error:
        # The text of the error may repeat the password.
        message = f"the URL of MongoDB has an error: {type(error).__name__}"
        raise ConfigurationError(message) from None
    try:
        database = client.get_default_database(codec_options=BINARY_AS_IT_IS)
        # The hosts as the URL has them: a set of replicas may change its members.
        hosts = url.partition("://")[2].partition("/")[0].rpartition("@")[2]
        return ServerReader(client, database, hosts=hosts)
    except UrlError:
        client.close()
        message = "the URL must name a database: mongodb://host/database"
        raise ConfigurationError(message) from None


def _find(
    collection: MongoCollection[_Raw], last: object, only: Sequence[str]
) -> Cursor[_Raw]:
    cursor = collection.find(
        projection=list(only) or None, sort=_KEY, batch_size=_BATCH
    )
    if last is None:
        return cursor
    # A comparison by $gt would skip keys of other types than that of `last`.
    start: list[tuple[str, Any]] = [("_id", last)]
    return cursor.min(start).hint(_KEY)
