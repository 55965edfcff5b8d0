"""An issuer on a database of its own, with the fixtures that services use."""

import secrets
from collections.abc import Iterator

import pytest

from authority_queries import Authority, Keyring, Settings
from authority_queries.contrib.oauth import Provider, ProviderSettings, Request
from authority_queries.service.migrations import yoyo_url
from authority_queries.testing import SampleTenant
from tests.conftest import Databases

ISSUER = "https://auth.example"
CALLBACK = "https://app.example/callback"
VERIFIER = "what-the-client-has-made-of-43-characters-or-more"
CHALLENGE = "v5EvrqBeb5yMr6YDbqQXH0qysqYvjWzsS4qQLvF6k1I"


@pytest.fixture(scope="session")
def _authority_database(
    all_databases: Databases, template: str
) -> Iterator[tuple[str, Settings]]:
    """Replaces that of the plugin, to use the server under test."""
    with all_databases.copy_of(template) as conninfo:
        yield conninfo, Settings(backend="postgres", database_url=yoyo_url(conninfo))


@pytest.fixture
def provider(authority: Authority, authority_tenant: SampleTenant) -> Provider:
    settings = ProviderSettings(
        issuer=ISSUER,
        keyring=Keyring(current="k", keys={"k": secrets.token_bytes(32)}),
        derivation_key=secrets.token_bytes(32),
        registration="open",
    )
    provider = Provider(authority, authority_tenant.id, settings)
    provider.rotate_keys()
    return provider


def post(path: str, *pairs: tuple[str, str], **parameters: str) -> Request:
    """Return a POST of a form."""
    return Request(
        method="POST", url=ISSUER + path, parameters=[*parameters.items(), *pairs]
    )


def get(path: str, **parameters: str) -> Request:
    return Request(method="GET", url=ISSUER + path, parameters=[*parameters.items()])
