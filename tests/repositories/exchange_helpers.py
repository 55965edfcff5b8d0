"""A token that is exchanged for another."""

from typing import Any

from authority_queries import Store
from authority_queries.records import Client, TokenExchange
from authority_queries.secrets import TokenString, mint_token
from tests.factories import (
    HOUR,
    make_client,
)
from tests.repositories.grant_helpers import (
    Grant,
)
from tests.repositories.token_helpers import (
    Fields,
)


def exchange(
    store: Store, client: Client, subject: TokenString, **fields: Any
) -> tuple[TokenString, TokenExchange]:
    minted = mint_token("access", client.tenant_id)
    defaults: Fields = {
        "tenant_id": client.tenant_id,
        "token_hash": minted.hash,
        "client_id": client.client_id,
        "subject_token_hash": subject.hash,
        "lifetime": HOUR,
    }
    return minted, store.exchanges.exchange(**{**defaults, **fields})


def exchanged(
    store: Store, client: Client, subject: TokenString, **fields: Any
) -> TokenString:
    minted, issued = exchange(store, client, subject, **fields)
    assert issued.outcome == "issued"
    return minted


def make_service(store: Store, grant: Grant) -> Client:
    """Make a client of the tenant that acts for users."""
    return make_client(store, grant.tenant_id)
