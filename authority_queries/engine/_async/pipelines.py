"""psycopg's pipelines, with the first error as the one that is raised."""

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
    """Open a pipeline during the block.

    psycopg's own raises a consequence of an interruption instead of the interruption,
    and logs the results that it cannot wait for after an error.
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
    """Queue a command in the open pipeline. The next statement sends it."""
    async with connection.lock:
        opened = connection._pipeline
        if opened is None:
            message = "no pipeline is open"
            raise psycopg.ProgrammingError(message)
        sending = partial(connection.pgconn.send_query_params, command, None)
        opened.command_queue.append(sending)
        opened.result_queue.append(None)


def buffer_commands(opened: BasePipeline) -> None:
    """Write the queued commands into libpq's buffer, so that one packet carries all.

    psycopg polls and sends once for each command, and each packet wakes the server.
    """
    while opened.command_queue:
        opened.command_queue.popleft()()


async def _close(opened: AsyncEntered[AsyncPipeline]) -> None:
    """Leave the pipeline without an error, and raise the first error that it has."""
    # The caller may be handling an error. The errors here have it as their context.
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
    """Leave the pipeline as psycopg does, but send no flush after the sync.

    A flush stops PostgreSQL's idle_in_transaction_session_timeout until the next
    statement. After an interruption, which may have come before the sync was sent, this
    waits for nothing. An interruption between a result and the note of its statement
    would let psycopg assign each later result to a wrong statement: the connection is
    closed then.
    """
    try:
        yield from _collect(inner)
        is_whole = not inner.result_queue
    except IndexError:
        is_whole = False
    if not is_whole:
        inner.pgconn.finish()
        message = "the pipeline was interrupted; its results cannot be assigned"
        raise psycopg.OperationalError(message)


def _collect(inner: AsyncPipeline) -> PQGen[None]:
    try:
        inner._enqueue_sync()
        buffer_commands(inner)
        # psycopg's own way sends only as much as the kernel takes, and then waits.
        yield from send(inner.pgconn)
    except psycopg.Error:
        yield from inner._fetch_gen(flush=False)
        raise
    yield from inner._fetch_gen(flush=False)
