"""Expects a refused argument, by the check of the argument or of the table."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from authority_queries.errors import InvalidArgumentError, InvalidValueError


@contextmanager
def refusal_of(argument: str) -> Iterator[None]:
    """Expect an error of the block that names this argument."""
    with pytest.raises((InvalidArgumentError, InvalidValueError)) as caught:
        yield
    assert isinstance(caught.value, InvalidArgumentError | InvalidValueError)
    assert caught.value.argument == argument, caught.value
