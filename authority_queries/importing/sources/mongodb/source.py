"""A database of MongoDB with documents of OpenIddict and ASP.NET Core Identity."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Final, TypeAlias

from pydantic import JsonValue

from authority_queries.importing.conversions import ConversionError, plain_json, text
from authority_queries.importing.documents import Collection, Document, Dropped
from authority_queries.importing.entries import AnyEntry
from authority_queries.importing.sources.aspnet_identity import convert_role
from authority_queries.importing.sources.fields import (
    Fields,
    document_of,
    normalized,
)
from authority_queries.importing.sources.mongodb.documents import (
    convert_authorization_document,
    convert_token_document,
    convert_user_document,
    user_fields,
)
from authority_queries.importing.sources.mongodb.emails import (
    EMAIL_FIELDS,
    first_owners,
)
from authority_queries.importing.sources.mongodb.grants import (
    AUTHORIZATION_FIELDS,
    TOKEN_FIELDS,
    Grants,
)
from authority_queries.importing.sources.mongodb.reading import RawDocument, RawReader
from authority_queries.importing.sources.mongodb.recognition import (
    CONTENTS,
    Content,
    recognize,
)
from authority_queries.importing.sources.openiddict import (
    convert_application,
    convert_scope,
)

_Convert: TypeAlias = Callable[[RawDocument, Fields], Iterator[AnyEntry]]

_UNKNOWN: Final = "it is no collection that is imported without a mapping file"
_CLASS: Final = "it names a class of the other application"
_OWN_VERSION: Final = "it is the version of the other application's class"


class MongoSource:
    """The collections of OpenIddict and Identity, as far as the database has them."""

    def __init__(self, reader: RawReader, *, tenant: str, now: datetime) -> None:
        self._reader = reader
        self._tenant = tenant
        self._now = now

    @property
    def name(self) -> str:
        """Where the documents are, without a password."""
        return f"mongodb:{self._reader.name}"

    def collections(self) -> Sequence[Collection]:
        """Return the collections, each after those that it refers to."""
        return sorted(
            self._reader.collections(),
            key=lambda each: (CONTENTS.index(self._contents[each.name]), each.name),
        )

    def read(self, collection: str, *, after: JsonValue = None) -> Iterator[Document]:
        """Yield the documents. A collection that is not recognized is one document.

        That document lists the collection as dropped.
        """
        content = self._contents.get(collection, "others")
        if content == "others" and after is not None:
            return
        for position, document in self._reader.read(collection, after=after):
            if content == "others":
                dropped = (Dropped(field="*", reason=_UNKNOWN),)
                yield Document(id=collection, position=position, dropped=dropped)
                return
            yield self._document(content, document, position)

    def close(self) -> None:
        """Close connections."""
        self._reader.close()

    def _document(
        self, content: Content, document: RawDocument, position: JsonValue
    ) -> Document:
        fields = (
            user_fields(document, self._roles)
            if content == "users"
            else Fields(document)
        )
        fields.drop(_CLASS, "t")  # `_t` of the driver for .NET
        return document_of(
            fields,
            lambda taken: self._convert(content, document, taken),
            key=_key(document),
            position=position,
        )

    def _convert(
        self, content: Content, document: RawDocument, fields: Fields
    ) -> Iterator[AnyEntry]:
        match content:
            case "roles":
                fields.drop(_OWN_VERSION, "version")
                return convert_role(fields)
            case "scopes":
                return convert_scope(fields)
            case "applications":
                return convert_application(fields, tenant=self._tenant)
            case "users":
                return convert_user_document(fields, owners=self._owners, now=self._now)
            case "authorizations":
                return convert_authorization_document(
                    document,
                    fields,
                    grants=self._grants,
                    client=self._client_of(document),
                    tenant=self._tenant,
                )
        return convert_token_document(
            document,
            fields,
            grants=self._grants,
            client=self._client_of(document),
            tenant=self._tenant,
            now=self._now,
        )

    @cached_property
    def _contents(self) -> Mapping[str, Content]:
        found: dict[str, Content] = {}
        for collection in self._reader.collections():
            _, first = next(self._reader.read(collection.name), (None, {}))
            found[collection.name] = recognize(collection.name, first)
        return found

    @cached_property
    def _roles(self) -> Mapping[str, str]:
        """The name of each role by its key and its normalized name."""
        found: dict[str, str] = {}
        for document in self._all("roles"):
            role = {normalized(name): value for name, value in document.items()}
            name = role.get("name")
            if isinstance(name, str):
                found[name] = found[_key(document)] = name
                found[str(role.get("normalizedname"))] = name
        return found

    @cached_property
    def _owners(self) -> Mapping[bytes, str]:
        return first_owners(lambda: self._all("users", *EMAIL_FIELDS))

    @cached_property
    def _clients(self) -> Mapping[str, str]:
        """The client_id of each application by its key."""
        return {
            _key(document): text(document["client_id"])
            for document in self._all("applications", "client_id")
            if document.get("client_id") is not None
        }

    @cached_property
    def _grants(self) -> Grants:
        grants = Grants(self._now)
        for document in self._all("tokens", *TOKEN_FIELDS):
            grants.add_token(document)
        for document in self._all("authorizations", *AUTHORIZATION_FIELDS):
            grants.add_authorization(document, self._client_of(document))
        return grants

    def _client_of(self, document: RawDocument) -> str | None:
        return self._clients.get(str(document.get("application_id")))

    def _all(self, content: Content, *fields: str) -> Iterator[RawDocument]:
        for name, found in self._contents.items():
            if found == content:
                for _, document in self._reader.read(name, only=fields):
                    yield document


def _key(document: RawDocument) -> str:
    try:
        return text(document["_id"])
    except ConversionError:
        return json.dumps(plain_json(document["_id"]))
