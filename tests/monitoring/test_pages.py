"""Alerts use metrics that exist, and the page explains all of both."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import promql_parser
import pytest
import yaml

from authority_queries.service.metrics import METRICS

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "monitoring.md").read_text()
ALERTS: Final = ROOT / "examples" / "monitoring" / "alerts.yml"
LABELS: Final = {metric.name: [*metric.labels] for metric in METRICS}


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def selectors(expression: object) -> Iterator[promql_parser.VectorSelector]:
    """Yield each metric that an expression selects, with its matchers."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
        return
    for name in ("lhs", "rhs", "expr", "vector_selector", "args"):
        inner = getattr(expression, name, None)
        for each in inner if isinstance(inner, list) else [inner]:
            if each is not None:
                yield from selectors(each)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_uses_metrics_and_labels_that_exist(rule: Mapping[str, Any]) -> None:
    used = [*selectors(promql_parser.parse(rule["expr"]))]
    assert used
    assert {each.name for each in used} <= LABELS.keys()
    for each in used:
        names = {matcher.name for matcher in each.matchers.matchers}
        assert names <= {*LABELS[str(each.name)]}
    words = " ".join(rule["annotations"].values())
    shown = {*re.findall(r"\$labels\.(\w+)", words)}
    assert shown <= {label for each in used for label in LABELS[str(each.name)]}
    assert rule["labels"]["severity"] in {"info", "warning", "critical"}


def test_the_page_explains_each_alert() -> None:
    _, _, table = PAGE.partition("| Alert | What to do |")
    named = re.findall(r"^\| (`[^|]+`) \|", table, re.M)
    alerts = [name for cell in named for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(alerts) == sorted(rule["alert"] for rule in rules())


def test_the_page_lists_each_metric_with_its_labels() -> None:
    rows = re.findall(r"^\| `(authority_\w+)` \|([^|]*)\|", PAGE, re.M)
    assert len(rows) == len(METRICS)
    assert {name: re.findall(r"\w+", labels) for name, labels in rows} == LABELS


def test_a_metric_is_named_by_the_conventions() -> None:
    for metric in METRICS:
        assert re.fullmatch(r"authority_[a-z]+(_[a-z]+)*", metric.name)
        assert metric.help.endswith(".")
        assert (metric.kind == "counter") is metric.name.endswith("_total")
        assert not re.search(r"_(ms|kb|mb|minutes|hours|days|percent)\b", metric.name)
