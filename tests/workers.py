"""Sends values from the workers of pytest-xdist to the main process."""

from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

_T = TypeVar("_T")


def is_worker(config: pytest.Config) -> bool:
    """Return whether this process is a worker of another process's run."""
    return hasattr(config, "workeroutput")


def hand_over(config: pytest.Config, key: str, value: object) -> None:
    """Send a value of dicts, lists and plain values when this worker ends."""
    output: dict[str, object] | None = getattr(config, "workeroutput", None)
    if output is not None:
        output[key] = value


def handed_over(node: "WorkerController", key: str, default: _T) -> _T:
    """Return a worker's value. A crashed worker has sent none: then the default."""
    output: dict[str, _T] = getattr(node, "workeroutput", {})
    return output.get(key, default)
