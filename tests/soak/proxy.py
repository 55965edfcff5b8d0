"""A proxy in a process of its own, which spoils answers, or the network, on command.

The kernel makes the silence: a socket filter drops every incoming packet before it is
acknowledged, as when a cable is cut.
"""

import asyncio
import ctypes
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from random import Random
from typing import Literal, TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.soak.row_swapping import Swapper

Mode: TypeAlias = Literal[
    "pass",
    "refuse",
    "lose requests",
    "lose answers",
    "halve answers",
    "silence",
    "swap",
]
Address: TypeAlias = tuple[str, int]
_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
_DROP = struct.pack("HBBI", 0x06, 0, 0, 0)  # BPF: return 0 octets
_SHARE = 0.03  # of the messages are spoiled
# Their imports run once.
_PROCESSES = get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.soak.processes"])


class _Side(asyncio.Protocol):
    """One of the two sockets of a line."""

    def __init__(self, line: "_Line", *, is_server: bool) -> None:
        self._line = line
        self._is_server = is_server
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._line.opened(is_server=self._is_server)

    def data_received(self, data: bytes) -> None:
        self._line.received(data, is_server=self._is_server)

    def connection_lost(self, exc: Exception | None) -> None:
        self._line.cut()


class _Line:
    """A client's connection and the one to the server that is made for it."""

    def __init__(self, proxy: "_Proxying") -> None:
        self._proxy = proxy
        self._early = b""
        self.client = _Side(self, is_server=False)
        self.server = _Side(self, is_server=True)
        self._is_cut = False

    def opened(self, *, is_server: bool) -> None:
        if not is_server:
            self._proxy.lines.add(self)
            if self._proxy.mode == "refuse":
                self.cut()
            else:
                self._connecting = asyncio.ensure_future(self._connect())
        elif self._is_cut:
            self.cut()
        elif self._early and self.server.transport is not None:
            self.server.transport.write(self._early)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await self._connected(loop, *self._proxy.server)
        except OSError:
            self.cut()

    async def _connected(
        self, loop: asyncio.AbstractEventLoop, host: str, port: int
    ) -> None:
        def make() -> _Side:
            return self.server

        if host.startswith("/"):
            await loop.create_unix_connection(make, f"{host}/.s.PGSQL.{port}")
        else:
            await loop.create_connection(make, host, port)

    def received(self, data: bytes, *, is_server: bool) -> None:
        passed, goes_on = self._proxy.spoil(self, data, is_server=is_server)
        other = self.client if is_server else self.server
        if other.transport is None:
            self._early += passed
        elif passed:
            other.transport.write(passed)
        if not goes_on:
            self.cut()

    def cut(self) -> None:
        self._is_cut = True
        self._proxy.lines.discard(self)
        for side in (self.client, self.server):
            if side.transport is not None:
                side.transport.close()

    def filter(self, *, drops: bool) -> None:
        if self.client.transport is not None:
            _filter(self.client.transport.get_extra_info("socket"), drops=drops)


class _Proxying:
    """The proxy inside its process."""

    def __init__(self, server: Address, seed: int) -> None:
        self.server = server
        self.mode: Mode = "pass"
        self.lines: set[_Line] = set()
        self._chance = Random(seed)
        self._swapper = Swapper()

    def spoil(self, line: _Line, data: bytes, *, is_server: bool) -> tuple[bytes, bool]:
        """Return what is passed on of the data, and whether the line stays."""
        if self.mode == "swap" and is_server:
            return self._swapper.swapped(line, data), True
        if self._chance.random() > _SHARE:
            return data, True
        match self.mode:
            case "lose requests" if not is_server:
                return b"", False
            case "lose answers" if is_server:
                return b"", False
            case "halve answers" if is_server:
                return data[: len(data) // 2], False
        return data, True

    def turn_to(self, mode: Mode, listener: socket.socket) -> None:
        was, self.mode = self.mode, mode
        if "silence" in (was, mode):
            _filter(listener, drops=mode == "silence")
            for line in self.lines:
                line.filter(drops=mode == "silence")
        if mode == "refuse":
            for line in [*self.lines]:
                line.cut()


def _filter(sock: socket.socket, *, drops: bool) -> None:
    if not drops:
        sock.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
        return
    code = ctypes.create_string_buffer(_DROP)
    program = struct.pack("HL", 1, ctypes.addressof(code))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def _serve(server: Address, control: Connection) -> None:
    asyncio.run(_serving(server, control))


async def _serving(server: Address, control: Connection) -> None:
    proxying = _Proxying(server, seed=0)
    listener = socket.create_server(("127.0.0.1", 0))
    loop = asyncio.get_running_loop()
    over = loop.create_future()

    def obey() -> None:
        try:
            mode = control.recv()
        except EOFError:
            over.set_result(None)
            loop.remove_reader(control.fileno())
            return
        proxying.turn_to(mode, listener)
        control.send("done")

    serving = await loop.create_server(lambda: _Line(proxying).client, sock=listener)
    loop.add_reader(control.fileno(), obey)
    control.send(listener.getsockname()[1])
    await over
    serving.close()


def _address(conninfo: str) -> Address:
    with psycopg.connect(conninfo) as connection:
        return connection.info.host, connection.info.port


class Proxy:
    """The proxy, as the faults use it."""

    def __init__(self, control: Connection) -> None:
        self._control = control
        self._port: int = control.recv()

    def conninfo(self, server: str) -> str:
        """Return the connection string that leads through the proxy."""
        parts = conninfo_to_dict(server) | {
            "host": "127.0.0.1",
            "port": self._port,
            "sslmode": "disable",
            "gssencmode": "disable",
        }
        return make_conninfo("", **parts)

    def turn_to(self, mode: Mode) -> None:
        """Spoil in this way from now on."""
        self._control.send(mode)
        self._control.recv()


@contextmanager
def running_proxy(server: str) -> Iterator[Proxy]:
    """Run the proxy before the server with this connection string."""
    ours, theirs = _PROCESSES.Pipe()
    process = _PROCESSES.Process(target=_serve, args=(_address(server), theirs))
    process.start()
    theirs.close()
    try:
        yield Proxy(ours)
    finally:
        ours.close()
        process.join(timeout=10)
        process.kill()
        process.join()
