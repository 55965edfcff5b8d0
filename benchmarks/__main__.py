"""`python -m benchmarks`: run benchmarks, and write their committed results.

Writes the pages that quote a result too. By default it runs the benchmarks that pages
quote. Exits with 1 when a benchmark misses its limit, and with 2 for a wrong name or
when a benchmark could not run.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.pages import main as write_pages

_FOLDER: Final = Path(__file__).resolve().parent


class _Benchmark(NamedTuple):
    """A benchmark: its arguments, those of the short form, and what it measures."""

    name: str
    about: str
    arguments: Sequence[str] = ()
    short: Sequence[str] = ()
    folder: Path = _FOLDER
    module: str = ""


_RESULTS: Final = _FOLDER / "results"
_CHART: Final = ("--chart", str(_RESULTS / "comparison.svg"))
_QUOTED: Final = (
    _Benchmark(
        "comparison",
        "calls here, in peers and in drivers",
        arguments=_CHART,
        short=("--short",),
        folder=_RESULTS,
    ),
    _Benchmark(
        "growth",
        "calls as the table of tokens grows",
        short=("--sizes", "100000"),
        folder=_RESULTS,
    ),
    _Benchmark(
        "endpoints",
        "endpoints of the example and of peers over HTTP",
        short=("--short",),
        folder=_RESULTS,
    ),
)
_OTHERS: Final = (
    _Benchmark("auditing", "audit events"),
    _Benchmark("batches", "many rows in one call"),
    _Benchmark("borrowing", "the check of a borrowed connection"),
    _Benchmark("caching", "a verifier with a cache"),
    _Benchmark("callers", "16 callers in asyncio"),
    _Benchmark("client", "the pool and telemetry in the client"),
    _Benchmark("distributed", "calls on a Citus cluster, where one is named"),
    _Benchmark("families", "what pruning leaves of living families"),
    _Benchmark("feed", "the feed that writes itself"),
    _Benchmark(
        "growth_large",
        "as growth, up to 50 million tokens: an hour, 40 GB",
        arguments=("--sizes", *map(str, (10**5, 10**6, 10**7, 5 * 10**7))),
        short=("--sizes", "100000"),
        folder=_RESULTS,
        module="growth",
    ),
    _Benchmark("hints", "a hint for followers of the feed"),
    _Benchmark(
        "importing",
        "an import of a dump of MongoDB, beside bare COPY",
        short=("--users", "2000", "--tokens", "20000"),
    ),
    _Benchmark("isolation", "row-level security, pools and units"),
    _Benchmark("issuing", "what indexes and constraints of tokens cost"),
    _Benchmark("lists", "a page of a list", ("--rows", "10000", "300000")),
    _Benchmark("monitoring", "a reading of the figures"),
    _Benchmark("moving", "the move of a tenant"),
    _Benchmark("policies", "the spelling of a policy"),
    _Benchmark("pruning", "the deletion of expired rows"),
    _Benchmark("pruning_load", "a prune beside verifications"),
    _Benchmark("refresh", "a refresh in one statement"),
    _Benchmark("storage", "updates that stay in their page", ("--candidates",)),
    _Benchmark("verification", "what the server does to verify a token"),
    _Benchmark("wrapper", "generated functions beside the bare driver"),
)
BENCHMARKS: Final = {each.name: each for each in (*_QUOTED, *_OTHERS)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen benchmarks, one after the other."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"  {each.name:<14}{each.about}" for each in _OTHERS),
    )
    parser.add_argument(
        "--only",
        metavar="NAME",
        nargs="+",
        choices=sorted(BENCHMARKS),
        default=[each.name for each in _QUOTED],
        help="run these: " + ", ".join(sorted(BENCHMARKS)),
    )
    parser.add_argument(
        "--short",
        action="store_true",
        help="measure less where a benchmark has a short form, and write no file",
    )
    chosen = parser.parse_args(arguments)
    worst = 0
    for name in chosen.only:
        worst = max(worst, _run(BENCHMARKS[name], short=chosen.short))
    others = sorted(BENCHMARKS.keys() - set(chosen.only))
    print(f"not run: {', '.join(others)}; --only NAME runs them", file=sys.stderr)
    return worst


def _run(benchmark: _Benchmark, *, short: bool) -> int:
    arguments = benchmark.short if short else benchmark.arguments
    module = benchmark.module or benchmark.name
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    print(f"benchmarks.{benchmark.name}", file=sys.stderr, flush=True)
    done = subprocess.run(  # noqa: S603 -- a module of this folder
        command, cwd=_FOLDER.parent, stdout=subprocess.PIPE, text=True, check=False
    )
    print(done.stdout, flush=True)
    failed = 2
    if not short and done.returncode < failed:
        result = benchmark.folder / f"{benchmark.name}.txt"
        result.write_text(done.stdout, encoding="utf-8")
        write_pages()
    return min(abs(done.returncode), failed)


if __name__ == "__main__":
    sys.exit(main())
