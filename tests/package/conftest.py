"""Fixtures of the tests of query files."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.package.forms import AsyncForm, SyncForm


@pytest.fixture(params=["sync", "async"])
def form(request: pytest.FixtureRequest) -> Iterator[SyncForm]:
    """The synchronous or the asynchronous form. Each test runs with both."""
    if request.param == "sync":
        yield SyncForm()
        return
    with asyncio.Runner() as runner:
        yield AsyncForm(runner)
