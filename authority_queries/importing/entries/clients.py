"""Clients, scopes and service accounts."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from authority_queries.importing.entries.base import (
    ChangedEntry,
    DatedEntry,
    Empty,
    Hidden,
    JsonObject,
    Moment,
    Names,
    Texts,
)
from authority_queries.importing.entries.proofs import ProvenEntry
from authority_queries.records import (
    ClientApplicationType,
    ClientConsentType,
    ClientRegistrationSource,
    ClientTokenEndpointAuthMethod,
    ClientType,
)


class ScopeEntry(ChangedEntry):
    """A scope. Its key is `name`."""

    kind: Literal["scope"] = "scope"
    name: str
    display_name: str = ""
    display_names: Texts = Empty
    description: str = ""
    descriptions: Texts = Empty
    resources: Names = ()
    properties: JsonObject = Empty
    is_system: bool = False


class ClientEntry(ChangedEntry):
    """A client. Its key is `client_id`."""

    kind: Literal["client"] = "client"
    client_id: str
    client_type: ClientType
    application_type: ClientApplicationType = "web"
    consent_type: ClientConsentType = "explicit"
    display_name: str = ""
    display_names: Texts = Empty
    redirect_uris: Names = ()
    post_logout_redirect_uris: Names = ()
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False
    frontchannel_logout_uri: str | None = None
    frontchannel_logout_session_required: bool = False
    token_endpoint_auth_method: ClientTokenEndpointAuthMethod | None = None
    grant_types: Names | None = None
    response_types: Names | None = None
    permissions: Names = ()
    requirements: Names = ()
    settings: JsonObject = Empty
    properties: JsonObject = Empty
    json_web_key_set: JsonObject | None = None
    jwks_uri: str | None = None
    metadata_valid_until: Moment | None = None
    enabled: bool = True
    tokens_valid_after: Moment | None = None


class ClientRegistrationEntry(DatedEntry):
    """How a client was registered (RFC 7591). `client` is its client_id."""

    kind: Literal["client_registration"] = "client_registration"
    client: str
    source: ClientRegistrationSource
    registration_token_hash: bytes | None = Field(default=None, repr=False)
    metadata_fetched_at: Moment | None = None
    software_id: str | None = None
    software_version: str | None = None
    software_statement: str | None = None
    contacts: Names = ()
    client_uri: str | None = None
    logo_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    updated_at: Moment | None = None


class ClientSecretEntry(ProvenEntry, DatedEntry):
    """The hash of a secret of a client. `client` is its client_id."""

    kind: Literal["client_secret"] = "client_secret"
    id: UUID
    client: str
    secret_hash: str = Hidden
    description: str = ""
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    last_used_at: Moment | None = None


class ServiceAccountEntry(ChangedEntry):
    """A service account. Its key is `account_id`.

    `authorized_clients` are client_ids.
    """

    kind: Literal["service_account"] = "service_account"
    account_id: str
    display_name: str = ""
    description: str = ""
    enabled: bool = True
    tokens_valid_after: Moment | None = None
    allowed_scopes: Names = ()
    allowed_resources: Names = ()
    authorized_clients: Names = ()
    attributes: JsonObject = Empty
