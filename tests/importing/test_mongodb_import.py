"""Users of OpenIddict in MongoDB sign in here, and their tokens verify."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Literal
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from authority_queries import (
    Authority,
    Importer,
    ImportOptions,
    Maintenance,
    NewToken,
    verify_password,
)
from authority_queries.importing.sources import SourceOptions, open_source
from authority_queries.importing.writing.summaries import ImportSummary
from authority_queries.secrets import mint_token, parse_foreign_token
from tests.importing.mongodb_demo import SECRETS, MongoDemo, mongo_demo, subject
from tests.importing.mongodb_server import SERVERS, mongodb_database, mongodb_server
from tests.operations.moving import Place

pytestmark = pytest.mark.one_version

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module", params=SERVERS)
def mongodb(request: pytest.FixtureRequest) -> Iterator[str]:
    with mongodb_server(request.param) as url:
        yield url


def run(home: Place, url: str, code: str) -> ImportSummary:
    options = SourceOptions(location=SecretStr(url), tenant=code)
    source = open_source("mongodb", options)
    with Importer.open(home.settings("owner")) as importer:
        summary = importer.run(source, ImportOptions(tenant=code))
    source.close()
    return summary


def tenant_of(home: Place, code: str) -> UUID:
    with (
        Maintenance.open(home.settings("maintenance")) as opened,
        opened.store() as store,
    ):
        tenant = store.tenants.get_by_code(code=code)
        assert tenant is not None
        store.tenants.accept_foreign_tokens(tenant_id=tenant.id, lifetime=HOUR)
        return tenant.id


def test_users_sign_in_and_tokens_verify(home: Place, mongodb: str) -> None:
    demo = mongo_demo("acme")
    with mongodb_database(mongodb, demo.documents) as url:
        first = run(home, url, "acme")
        again = run(home, url, "acme")
    assert [one.refused for one in first.collections] == [[]] * 6
    assert first.created == Counter(
        client=2,
        client_secret=2,
        role=3,
        scope=1,
        user=2,
        user_role=3,
        user_identity=2,
        consent=2,
        authorization=4,
        token=8,
        tenant=1,
    )
    assert again.created == Counter()
    assert again.existing == first.created - Counter(tenant=1)

    tenant_id = tenant_of(home, "acme")
    with Authority.open(home.settings("app")) as authority:
        check_sign_ins(authority, tenant_id, demo)
        check_tokens(authority, tenant_id, demo)
        check_refresh(authority, tenant_id, demo)


def check_sign_ins(authority: Authority, tenant_id: UUID, demo: MongoDemo) -> None:
    with authority.tenant(tenant_id) as store:
        for name, password in demo.passwords.items():
            user = store.users.get_by_username(tenant_id=tenant_id, username=name)
            assert user is not None
            assert user.subject_id == subject("acme", name)
            assert user.password_hash is not None
            assert verify_password(user.password_hash, password)
            assert not verify_password(user.password_hash, password.upper())
        for client_id, secret in SECRETS.items():
            (found,) = store.client_secrets.list_live(
                tenant_id=tenant_id, client_id=client_id
            )
            assert verify_password(found.secret_hash, secret)


def check_tokens(authority: Authority, tenant_id: UUID, demo: MongoDemo) -> None:
    owner = subject("acme", "Ann")
    states: list[tuple[str, Literal["access", "refresh"]]] = [
        ("access", "access"),
        ("refresh", "refresh"),
        ("redeemed", "refresh"),
        ("revoked", "refresh"),
        ("expired", "access"),
    ]
    for state, kind in states:
        string = demo.references[f"{state} of {owner}"]
        found = authority.verify_token(
            string, kind=kind, tenant_id=tenant_id, foreign=True
        )
        assert (found is not None) == (state in ("access", "refresh")), state
        if found is not None:
            assert (found.subject_id, found.client_id) == (owner, "acme-web")
            assert found.scopes == ["openid", "offline_access"]


def check_refresh(authority: Authority, tenant_id: UUID, demo: MongoDemo) -> None:
    """A refresh token goes on here. One that was redeemed there ends its family."""
    owner = subject("acme", "Ann")
    presented = {
        state: parse_foreign_token(
            demo.references[f"{state} of {owner}"], kind="refresh", tenant_id=tenant_id
        )
        for state in ("refresh", "redeemed")
    }
    minted = {state: mint_token("refresh", tenant_id) for state in presented}
    outcomes = {}
    with authority.tenant(tenant_id, autocommit=True) as store:
        for state, string in presented.items():
            redemption = store.redemptions.refresh(
                tenant_id=tenant_id,
                token_hash=string.hash,
                client_id="acme-web",
                redemption_id=uuid4(),
                refresh_token=NewToken(hash=minted[state].hash, lifetime=HOUR),
            )
            outcomes[state] = redemption.outcome
    assert outcomes == {"refresh": "redeemed", "redeemed": "reused"}
    successor = minted["refresh"].token
    assert authority.verify_token(successor, kind="refresh") is None
