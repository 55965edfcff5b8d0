"""Runs a function in a forked child, and returns its result."""

import os
import pickle
from collections.abc import Callable
from typing import Any


def in_child(work: Callable[[], Any]) -> Callable[[], Any]:
    """Fork now. Return a function that waits for the child's result or its error."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer: Any = work()
        except BaseException as error:
            answer = RuntimeError(f"{type(error).__name__}: {error}")
        os.write(writer, pickle.dumps(answer))
        os._exit(0)
    os.close(writer)

    def answered() -> Any:
        with open(reader, "rb") as pipe:
            octets = pipe.read()
        os.waitpid(child, 0)
        answer = pickle.loads(octets)  # noqa: S301 -- it is our child's
        if isinstance(answer, Exception):
            raise answer
        return answer

    return answered
