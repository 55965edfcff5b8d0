"""Reads the commands from the files in examples/deploy."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
DEPLOY: Final = ROOT / "examples" / "deploy"
_CHECKED_OUT: Final = {"0.1.0": "deployed", "0.2.0": "release", "%i": "release"}


@dataclass(frozen=True)
class Command:
    """A command line, the release whose programs run it, and its login."""

    line: str
    release: str
    login: str

    @property
    def task(self) -> str:
        """The task of `authority`, without options and limits of time."""
        words = self.line.partition("authority ")[2].split()
        return " ".join(word for word in words[:2] if word.isalpha())


class _Loader(yaml.SafeLoader):
    """Reads GitLab's tags too."""


def _reference(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> list[Any]:
    return loader.construct_sequence(node)


_Loader.add_constructor("!reference", _reference)


def documents(path: Path) -> list[Any]:
    """Return the documents of a YAML file."""
    loaded = yaml.load_all(path.read_text(), Loader=_Loader)
    return list(loaded)


def github(name: str) -> list[Command]:
    """Return the commands of the steps that have a login."""
    [workflow] = documents(DEPLOY / "github-actions" / name)
    return [
        Command(
            step["run"],
            step["run"].partition("/bin/authority")[0].rpartition(" ")[2],
            _login(step["env"]["AUTHORITY_DATABASE_URL"]),
        )
        for job in workflow["jobs"].values()
        for step in job["steps"]
        if "AUTHORITY_DATABASE_URL" in step.get("env", {})
    ]


def gitlab(stages: set[str]) -> list[Command]:
    """Return the commands of the jobs of these stages, in their order."""
    [file] = documents(DEPLOY / "gitlab-ci.yml")
    jobs = (
        _extended(file, job)
        for job in file.values()
        if isinstance(job, dict) and "script" in job
    )
    return [
        Command(
            line,
            "deployed" if "DEPLOYED" in job["image"]["name"] else "release",
            _login(job["variables"]["AUTHORITY_DATABASE_URL"]),
        )
        for job in jobs
        if job["stage"] in stages
        for line in job["script"]
    ]


def _extended(file: dict[str, Any], job: dict[str, Any]) -> dict[str, Any]:
    base = _extended(file, file[job["extends"]]) if "extends" in job else {}
    return {**base, **job}


def kubernetes(name: str) -> list[Command]:
    """Return the commands of the containers, in their order."""
    return [
        Command(
            f"authority {shlex.join(container['args'])}",
            _CHECKED_OUT[container["image"].partition(":")[2]],
            _login(container["env"][0]["valueFrom"]["secretKeyRef"]["key"]),
        )
        for pod in pods(DEPLOY / "kubernetes" / name)
        for container in [*pod.get("initContainers", []), *pod["containers"]]
    ]


def pods(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the specification of each pod."""
    for document in documents(path):
        job = document["spec"].get("jobTemplate", document)
        yield job["spec"]["template"]["spec"]


def systemd(name: str) -> list[Command]:
    """Return the commands of a service, in their order."""
    unit = settings(name)
    return [
        Command(
            line,
            _CHECKED_OUT.get(line.split("/")[3], "deployed"),
            _login(unit["EnvironmentFile"][0]),
        )
        for key in ("ExecStartPre", "ExecStart")
        for line in unit.get(key, [])
    ]


def settings(name: str) -> dict[str, list[str]]:
    """Return the settings of a unit and of its drop-in."""
    found: dict[str, list[str]] = {}
    folder = DEPLOY / "systemd"
    for path in (folder / "authority-queries-.service.d/hardening.conf", folder / name):
        for key, value in re.findall(r"^(\w+)=(.*)$", path.read_text(), re.M):
            found.setdefault(key, []).append(value)
    return found


def _login(secret: str) -> str:
    return "migrator" if "migrator" in secret.lower() else "jobs"


RELEASES: Final = {
    "GitHub Actions": github("release.yml"),
    "GitLab CI": gitlab({"check", "migrate"}),
    "Kubernetes": kubernetes("release-job.yaml"),
    "systemd": systemd("authority-queries-release@.service"),
}
JOBS: Final = {
    "GitHub Actions": github("nightly.yml"),
    "GitLab CI": gitlab({"maintain"}),
    "Kubernetes": kubernetes("cronjobs.yaml"),
    "systemd": [
        command
        for name in ("check", "prune", "seal")
        for command in systemd(f"authority-queries-{name}.service")
    ],
}
