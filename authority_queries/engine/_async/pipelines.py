"""psycopg's pipelines, out of which an error comes as itself."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import psycopg
from psycopg import AsyncConnection, AsyncPipeline
from psycopg._pipeline_base import BasePipeline
from psycopg.abc import PQGen
from psycopg.generators import send

from authority_queries.engine.calls import AsyncEntered


@asynccontextmanager
async def pipeline(connection: AsyncConnection[object]) -> AsyncIterator[None]:
    """Open a pipeline for the time of the block.

    psycopg logs what it cannot wait for behind an error, and raises what follows from
    an interruption instead of the interruption.
    """
    opened = connection.pipeline()
    inner = await opened.__aenter__()
    # mypy takes no assignment to a method.
    setattr(inner, "_exit_gen", partial(_exit, inner))  # noqa: B010 -- because of mypy
    try:
        yield
    except BaseException:
        with suppress(psycopg.Error):
            await _close(opened)
        raise
    await _close(opened)


async def queue(connection: AsyncConnection[object], command: bytes) -> None:
    """Have a command sent with the next statement in the open pipeline, unanswered."""
    async with connection.lock:
        opened = connection._pipeline
        if opened is None:
            message = "no pipeline is open"
            raise psycopg.ProgrammingError(message)
        sending = partial(connection.pgconn.send_query_params, command, None)
        opened.command_queue.append(sending)
        opened.result_queue.append(None)


def buffer_commands(opened: BasePipeline) -> None:
    """Put what is queued into libpq's buffer, which is sent at once.

    psycopg sends one by one: each is a poll and a send here, and wakes the server.
    """
    while opened.command_queue:
        opened.command_queue.popleft()()


async def _close(opened: AsyncEntered[AsyncPipeline]) -> None:
    """Leave it as after no error, and raise what was the first one."""
    # The caller may be handling one, and those here are not of it.
    handled = sys.exception()
    try:
        await opened.__aexit__(None, None, None)
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
    the sync was sent, nothing is waited for. Where it came between a result and the
    note of whose that is, psycopg would give each result to a wrong statement, and
    believe what is not prepared to be so: the connection is closed.
    """
    try:
        yield from _collect(inner)
        is_whole = not inner.result_queue
    except IndexError:
        is_whole = False
    if not is_whole:
        inner.pgconn.finish()
        message = "the pipeline was interrupted, and results are nobody's"
        raise psycopg.OperationalError(message)


def _collect(inner: AsyncPipeline) -> PQGen[None]:
    try:
        inner._enqueue_sync()
        buffer_commands(inner)
        # All of it: psycopg's own way sends as much as the kernel takes, and waits.
        yield from send(inner.pgconn)
    except psycopg.Error:
        yield from inner._fetch_gen(flush=False)
        raise
    yield from inner._fetch_gen(flush=False)
