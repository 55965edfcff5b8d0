"""What a call refuses, whoever refuses it: the check of the argument or the table's."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from authority_queries.errors import InvalidArgumentError, InvalidValueError


@contextmanager
def refusal_of(argument: str) -> Iterator[None]:
    """Expect that the block's call refuses the value of this argument, by its name."""
    with pytest.raises((InvalidArgumentError, InvalidValueError)) as caught:
        yield
    assert isinstance(caught.value, InvalidArgumentError | InvalidValueError)
    assert caught.value.argument == argument, caught.value
