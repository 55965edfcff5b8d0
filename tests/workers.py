"""What the workers of pytest-xdist tell the process that reports the run."""

from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

_T = TypeVar("_T")


def is_worker(config: pytest.Config) -> bool:
    """Whether this process executes tests of a run that another one reports."""
    return hasattr(config, "workeroutput")


def hand_over(config: pytest.Config, key: str, value: object) -> None:
    """Send the value, of dicts, lists and plain values, when this worker ends."""
    output: dict[str, object] | None = getattr(config, "workeroutput", None)
    if output is not None:
        output[key] = value


def handed_over(node: "WorkerController", key: str, default: _T) -> _T:
    """Give what a worker has sent. One that crashed has sent nothing."""
    output: dict[str, _T] = getattr(node, "workeroutput", {})
    return output.get(key, default)
