"""benchmarks.endpoints measures what it says, on the example."""

from shutil import which

import psycopg
import pytest

from benchmarks.endpoints import FAMILIES, block_of, check, load_of
from benchmarks.growth_rows import load_first
from benchmarks.served.authority import enroll
from benchmarks.served.load import send
from benchmarks.served.reporting import report
from benchmarks.served.serving import served
from tests.conftest import Databases

pytestmark = [
    pytest.mark.one_version,
    pytest.mark.skipif(which("wrk") is None, reason="wrk is not installed"),
]


def test_the_example_answers_each_request(
    all_databases: Databases, template: str
) -> None:
    with (
        all_databases.copy_of(template) as conninfo,
        psycopg.connect(conninfo, autocommit=True) as dba,
    ):
        load_first(dba, 20)
        held = enroll(conninfo, FAMILIES)
        with served("authority", conninfo, dba, is_async=True) as server:
            client, introspect, refresh = (
                load_of(server, held, "authority", endpoint, 0)
                for endpoint in ("client", "introspect", "refresh")
            )
            check(client)
            check(introspect)
            block = block_of(server, refresh, 1, 2)
            with pytest.raises(RuntimeError, match="refused"):
                send(client._replace(client=("caller", "wrong")), 1, 1)
    # Each of the tokens is used, and then those that replaced them: none twice.
    assert block.rate > FAMILIES
    assert block.server > 0 < block.backends
    table = report("Rotation:", {"authority": [block, block]}, {"authority": "ours"})
    assert table.splitlines()[-1].startswith("ours")
