"""The project of docs/django.md, in a process of its own."""

import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from authority_queries import Maintenance, hash_password
from tests.conftest import Databases
from tests.contrib.serving import own_authority

pytestmark = pytest.mark.one_version

PAGE: Final = (Path(__file__).parents[2] / "docs" / "django.md").read_text()
BLOCKS: Final[list[str]] = re.findall(
    r"^```(?:py|html)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE
)
MORE_SETTINGS: Final = """
from pathlib import Path
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "project.urls"
SECRET_KEY = "only-in-tests"
_ENGINE = "django.template.backends.django.DjangoTemplates"
TEMPLATES = [{"BACKEND": _ENGINE, "DIRS": [Path(__file__).parent / "templates"]}]
"""
VISITS: Final = """
import re
import django
django.setup()
from django.test import Client
browser = Client(enforce_csrf_checks=True)
def enter(password):
    page = browser.get("/sign_in").content.decode()
    token = re.findall('name="csrfmiddlewaretoken" value="([^"]+)"', page)[0]
    form = {"username": "ann", "password": password, "csrfmiddlewaretoken": token}
    return browser.post("/sign_in", form)
print(browser.get("/").headers["location"])
print("not right" in enter("wrong").content.decode())
print(enter("swordfish").headers["location"])
print(browser.get("/").content.decode())
print(browser.cookies["session"]["secure"])
print(browser.get("/people").status_code)
from project.issuer import authority, tenant_id
with authority.tenant(tenant_id) as store:
    ann = store.users.get_by_username(tenant_id=tenant_id, username="ann")
    exec(GRANT)
print(browser.get("/people").status_code)
refused = browser.get("/articles")
print(refused.status_code, refused.headers["www-authenticate"])
"""
EXPECTED: Final = [
    "/sign_in?next=/",
    "True",
    "/",
    "Hello ann",
    "",
    "403",
    "200",
    "401 Bearer",
]


def make_project(folder: Path) -> str:
    """Write the files of the page. Return the block that has no name."""
    (folder / "templates").mkdir(parents=True)
    rest = []
    for block in BLOCKS:
        name = block.splitlines()[0].removeprefix("# ")
        if name.endswith(".py"):
            (folder / name).write_text(block)
        elif block.startswith("<form"):
            (folder / "templates" / "sign_in.html").write_text(block)
        else:
            rest.append(block)
    settings = folder / "settings.py"
    settings.write_text(settings.read_text() + MORE_SETTINGS)
    (grant,) = rest
    return grant


def test_a_person_signs_in(
    all_databases: Databases, template: str, tmp_path: Path
) -> None:
    grant = make_project(tmp_path / "project")
    with own_authority(all_databases, template) as (authority, settings):
        with Maintenance.open(settings) as maintenance, maintenance.store() as store:
            tenant_id = store.tenants.create(code="acme", display_name="Acme").id
        hashed = hash_password("swordfish")
        with authority.tenant(tenant_id) as store:
            store.users.create(
                tenant_id=tenant_id, username="ann", password_hash=hashed
            )
        assert settings.database_url is not None
        run = subprocess.run(
            [sys.executable, "-c", VISITS.replace("GRANT", repr(grant))],
            cwd=tmp_path,
            env={
                "AUTHORITY_DATABASE_URL": settings.database_url.get_secret_value(),
                "DJANGO_SETTINGS_MODULE": "project.settings",
                "ISSUER_SECRET": secrets.token_hex(64),
                "PYTHONPATH": str(Path(__file__).parents[2]),
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert run.stdout.splitlines() == EXPECTED, run.stderr
