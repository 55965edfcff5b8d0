"""What the files in examples/deploy have in common, and what their linters do not see.

`make lint` checks each file against its platform's schema.
"""

import shutil
import subprocess
from itertools import chain
from pathlib import Path

import pytest

from tests.deploy.pipelines import (
    DEPLOY,
    JOBS,
    RELEASES,
    ROOT,
    documents,
    pods,
    settings,
)

SYSTEMD = sorted(path.name for path in (DEPLOY / "systemd").iterdir() if path.is_file())
MANIFESTS = sorted((DEPLOY / "kubernetes").iterdir())
ANALYZE = shutil.which("systemd-analyze")
_EXPOSURE = 20  # tenths of 10: "OK" to systemd; 96 is the score without hardening


@pytest.mark.parametrize("platform", RELEASES)
def test_a_release_is_checked_by_the_deployed_one_and_by_itself(platform: str) -> None:
    assert [
        (command.release, command.task, command.login) for command in RELEASES[platform]
    ] == [
        ("deployed", "check", "migrator"),
        ("release", "migrate", "migrator"),
        ("release", "check", "migrator"),
    ]


@pytest.mark.parametrize("platform", JOBS)
def test_each_platform_prunes_seals_and_checks_as_an_operator(platform: str) -> None:
    tasks = {command.task for command in JOBS[platform]}
    assert tasks - {"audit verify"} == {"audit seal", "check", "prune"}
    assert {command.login for command in JOBS[platform]} == {"jobs"}


def test_two_releases_never_overlap() -> None:
    for name in ("release.yml", "nightly.yml"):
        [workflow] = documents(DEPLOY / "github-actions" / name)
        assert workflow["concurrency"] == {
            "group": "authority-database",
            "cancel-in-progress": False,
        }
    [gitlab] = documents(DEPLOY / "gitlab-ci.yml")
    assert gitlab[".authority"]["resource_group"] == "authority-database"
    assert gitlab[".authority"]["interruptible"] is False
    [job] = documents(DEPLOY / "kubernetes" / "release-job.yaml")
    assert "generateName" not in job["metadata"]
    for cron in documents(DEPLOY / "kubernetes" / "cronjobs.yaml"):
        assert cron["spec"]["concurrencyPolicy"] == "Forbid"


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_a_pod_is_restricted_and_ends_cleanly(path: Path) -> None:
    for pod in pods(path):
        assert pod["restartPolicy"] == "Never"
        assert pod["terminationGracePeriodSeconds"] >= 60
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"].keys() == {"memory"}


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """A root folder with the units, systemd's targets and the programs."""
    if ANALYZE is None:
        pytest.skip("systemd-analyze, of Debian's package systemd, is not installed")
    folder = tmp_path / "etc/systemd/system"
    shutil.copytree(DEPLOY / "systemd", folder)
    targets = tmp_path / "usr/lib/systemd/system"
    targets.mkdir(parents=True)
    for target in Path("/usr/lib/systemd/system").glob("*.target"):
        shutil.copy(target, targets)
    for release in ("current", "0.2.0"):
        program = tmp_path / "opt/authority-queries" / release / "bin/authority"
        program.parent.mkdir(parents=True)
        program.touch(mode=0o755)
    return tmp_path


def analyze(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [str(ANALYZE), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_systemd_loads_every_unit_without_a_warning(units: Path) -> None:
    names = [name.replace("@.", "@0.2.0.") for name in SYSTEMD]
    assert len(names) == 7
    options = (f"--root={units}", "--recursive-errors=yes", "--man=no")
    assert analyze("verify", *options, *names) == (0, "")


def test_systemd_finds_every_service_hardened(units: Path) -> None:
    services = [name.replace("@.", "@0.2.0.") for name in SYSTEMD if "service" in name]
    options = (f"--root={units}", "--offline=yes", f"--threshold={_EXPOSURE}")
    ended, report = analyze("security", "--no-pager", *options, *services)
    assert ended == 0, report
    assert report.count("Overall exposure level") == 4


def test_a_password_is_never_in_a_unit_or_on_a_command_line() -> None:
    for name in SYSTEMD:
        if name.endswith(".service"):
            unit = settings(name)
            assert unit["Environment"] == ["PGPASSFILE=%d/pgpass"]
            assert unit["LoadCredential"][0].startswith("pgpass:/etc/")
    commands = [*chain(*RELEASES.values(), *JOBS.values())]
    lines = [command.line for command in commands]
    assert not [line for line in lines if "://" in line or "$" in line]


def test_every_file_is_in_the_table_of_its_page() -> None:
    page = (ROOT / "docs" / "pipelines.md").read_text()
    files = {path for path in DEPLOY.rglob("*") if path.is_file()}
    assert len(files) == 14
    named = {
        path
        for path in files
        if f"](../{path.relative_to(ROOT)})" in page
        or f"](../{path.parent.relative_to(ROOT)})" in page
    }
    assert named == files
