"""psycopg's pipelines, out of which an error comes as itself."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import psycopg
from psycopg import AsyncConnection, AsyncPipeline
from psycopg.abc import PQGen

from authority_queries._calls import AsyncEntered


@asynccontextmanager
async def pipeline(connection: AsyncConnection[object]) -> AsyncIterator[None]:
    """Open a pipeline for the time of the block.

    psycopg logs what it cannot wait for behind an error, and raises what follows from
    an interruption instead of the interruption.
    """
    opened = connection.pipeline()
    inner = await opened.__aenter__()
    # mypy takes no assignment to a method.
    setattr(inner, "_exit_gen", partial(_exit, inner))  # noqa: B010
    try:
        yield
    except BaseException:
        with suppress(psycopg.Error):
            await _close(opened)
        raise
    await _close(opened)


async def _close(opened: AsyncEntered[AsyncPipeline]) -> None:
    """Leave it as after no error, and raise what was the first one."""
    # The caller may be handling one, and those here are not of it.
    handled = sys.exception()
    try:
        await opened.__aexit__(None, None, None)
    except IndexError:  # of psycopg's own queue, which an interruption left behind
        message = "the pipeline was interrupted"
        raise psycopg.InterfaceError(message) from None
    except psycopg.Error as error:
        first: BaseException = error
        while first.__context__ not in (None, handled):
            first = first.__context__
        if first is error:
            raise
        raise first from None


def _exit(inner: AsyncPipeline) -> PQGen[None]:
    """Do as psycopg's own does, but for the flush that it sends behind the sync.

    PostgreSQL stops its timeout of an idle transaction at that, and does not start it
    anew until the next statement. After an interruption, which may have come before
    the sync was sent, nothing is waited for.
    """
    try:
        inner._enqueue_sync()
        yield from inner._communicate_gen()
    except psycopg.Error:
        yield from inner._fetch_gen(flush=False)
        raise
    yield from inner._fetch_gen(flush=False)
