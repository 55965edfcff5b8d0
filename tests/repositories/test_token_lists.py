from collections.abc import Callable
from uuid import uuid4

import pytest

from authority_queries import Store
from authority_queries.errors import InvalidArgumentError
from authority_queries.records import ServiceAccount, User
from tests.factories import (
    make_client,
    make_service_account,
    make_tenant,
    make_token,
    make_user,
)
from tests.repositories.paging import pages_of
from tests.repositories.token_helpers import Fields, active_ids


@pytest.mark.parametrize(
    "ids", [{}, {"user_id": uuid4(), "service_account_id": uuid4()}], ids=len
)
def test_a_subject_is_either_a_user_or_a_service_account(
    store: Store, ids: Fields
) -> None:
    key: Fields = {"tenant_id": uuid4(), **ids}
    with pytest.raises(InvalidArgumentError, match="either user_id or service"):
        store.tokens.list_active_by_subject(**key)


@pytest.mark.parametrize("kind", ["user_id", "service_account_id"])
def test_live_tokens_of_a_subject_are_listed_by_id(store: Store, kind: str) -> None:
    client = make_client(store, make_tenant(store).id)
    make: Callable[..., User | ServiceAccount]
    make = make_user if kind == "user_id" else make_service_account
    subject: Fields = {kind: make(store, client.tenant_id).id}
    ids = sorted(make_token(store, client, **subject)[1].id for _ in range(5))
    make_token(store, client)
    key: Fields = {"tenant_id": client.tenant_id, **subject}
    pages = pages_of(store.tokens.list_active_by_subject, **key, page_size=2)
    assert [[t.id for t in page] for page in pages] == [ids[:2], ids[2:4], ids[4:]]
    with pytest.raises(InvalidArgumentError, match="page_size must be 1 to 1000"):
        store.tokens.list_active_by_subject(**key, page_size=0)


def test_live_tokens_of_a_client_are_listed_by_id(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    make_token(store, make_client(store, client.tenant_id))
    ids = sorted(make_token(store, client)[1].id for _ in range(3))
    key: Fields = {"tenant_id": client.tenant_id, "client_uuid": client.id}
    pages = pages_of(store.tokens.list_active_by_client, **key, page_size=2)
    assert [[token.id for token in page] for page in pages] == [ids[:2], ids[2:]]
    with pytest.raises(InvalidArgumentError, match="page_size must be 1 to 1000"):
        active_ids(store, client, page_size=1001)
