"""Settings of an issuer that are wrong."""

from datetime import timedelta
from typing import Any

import pytest

from authority_queries import Authority, Keyring
from authority_queries.contrib.oauth import AsyncProvider, Provider, ProviderSettings
from authority_queries.errors import ConfigurationError, InvalidArgumentError
from authority_queries.records import User
from authority_queries.testing import SampleTenant
from tests.contrib.flows import ISSUER, body, code_for, redeem

pytestmark = [pytest.mark.one_version, pytest.mark.usefixtures("app")]


def settings(**changed: Any) -> ProviderSettings:
    keyring = Keyring(current="1", keys={"1": bytes(32)})
    right = {"issuer": ISSUER, "keyring": keyring, "derivation_key": bytes(32)}
    return ProviderSettings(**{**right, **changed})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"issuer": "http://auth.example"}, "issuer must be an https URL"),
        ({"issuer": f"{ISSUER}/"}, "issuer must have no query, fragment or /"),
        ({"derivation_key": "x" * 32}, "derivation_key must be bytes, not str"),
        ({"derivation_key": bytes(31)}, "derivation_key must have 32 to"),
        ({"issuer": None}, "issuer must be a str, not None"),
        ({"keyring": {}}, "keyring must be a Keyring, not dict"),
        ({"signing_alg": "HS256"}, "signing_alg must be one of"),
        ({"leeway": 10}, "leeway must be"),
        ({"code_lifetime": timedelta(0)}, "code_lifetime must be longer than 0"),
        ({"acr_values_supported": "urn:two"}, "acr_values_supported must be"),
        ({"registration": "opened"}, "registration must be one of"),
        ({"registration": "token"}, "initial_access_token must be set"),
    ],
)
def test_a_setting_that_cannot_work_is_named(
    changed: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        settings(**changed)


def test_a_provider_names_an_argument_of_another_type(
    authority: Authority, authority_tenant: SampleTenant
) -> None:
    wrong: Any = authority
    message = "authority must be an open AsyncAuthority, not Authority"
    with pytest.raises(InvalidArgumentError, match=message):
        AsyncProvider(wrong, authority_tenant.id, settings())
    code: Any = authority_tenant.code
    with pytest.raises(InvalidArgumentError, match="tenant_id must be a UUID, not str"):
        Provider(authority, code, settings())


def test_an_issuer_without_a_key_names_the_call(
    authority: Authority, authority_tenant: SampleTenant, ann: User
) -> None:
    provider = Provider(authority, authority_tenant.id, settings())
    code = code_for(provider, authority_tenant, ann)
    with pytest.raises(ConfigurationError, match=r"call provider\.rotate_keys\(\)"):
        provider.token.answer(redeem(code))
    provider.rotate_keys()
    code = code_for(provider, authority_tenant, ann)
    assert "id_token" in body(provider.token.answer(redeem(code)))


def test_parts_with_pages_have_no_answer(
    authority: Authority, authority_tenant: SampleTenant
) -> None:
    provider = Provider(authority, authority_tenant.id, settings())
    pages = ("authorization", "device_pages", "logout", "sign_in")
    assert not any(hasattr(getattr(provider, page), "answer") for page in pages)


def test_only_clients_that_authenticate_may_introspect(provider: Provider) -> None:
    metadata = body(provider.metadata())
    assert "none" in str(metadata["token_endpoint_auth_methods_supported"])
    assert "none" not in str(metadata["introspection_endpoint_auth_methods_supported"])
