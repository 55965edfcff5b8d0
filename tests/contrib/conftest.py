"""An issuer on a database of its own, with the fixtures that services use."""

import secrets
from collections.abc import Iterator

import pytest

from authority_queries import Authority, Keyring, Settings
from authority_queries.contrib.oauth import Provider, ProviderSettings
from authority_queries.records import Client, User
from authority_queries.service.migrations import yoyo_url
from authority_queries.testing import SampleTenant
from tests.conftest import Databases
from tests.contrib.attacking import Target, attacked
from tests.contrib.flows import CALLBACK, ISSUER
from tests.contrib.serving import own_authority


@pytest.fixture(scope="session")
def _authority_database(
    all_databases: Databases, template: str
) -> Iterator[tuple[str, Settings]]:
    """Replaces that of the plugin, to use the server under test."""
    with all_databases.copy_of(template) as conninfo:
        yield conninfo, Settings(backend="postgres", database_url=yoyo_url(conninfo))


@pytest.fixture(scope="package")
def target(all_databases: Databases, template: str) -> Iterator[Target]:
    """The example, served to attackers. Its background work ends with this package."""
    with (
        own_authority(all_databases, template) as (authority, settings),
        attacked(authority, settings) as target,
    ):
        yield target


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


@pytest.fixture
def app(authority_tenant: SampleTenant) -> Client:
    return authority_tenant.client("app", redirect_uris=[CALLBACK])


@pytest.fixture
def ann(authority_tenant: SampleTenant) -> User:
    return authority_tenant.user("ann", email="ann@shop.example", display_name="Ann")
