"""Runs Authlib's own suites on contrib.authlib, and counts.

    python -m tests.contrib.authlib_suite CHECKOUT [pytest's arguments]

CHECKOUT is a clone of https://github.com/authlib/authlib. A copy of its tests gets the
models of this folder; nothing else of a test changes but what EDITS and GRANTS name.
"""

import ast
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections import Counter
from pathlib import Path
from typing import TypeAlias
from xml.etree import ElementTree

Grants: TypeAlias = dict[str, tuple[str, ...]]
HERE = Path(__file__).parent
# Grants and endpoints that get models of the store, and the methods that were for
# models of SQLAlchemy or of dictionaries.
GRANTS: Grants = {
    "RefreshTokenGrant": (
        "authenticate_refresh_token",
        "authenticate_user",
        "revoke_old_credential",
    ),
    "IntrospectionEndpoint": ("query_token",),
    "RevocationEndpoint": ("query_token", "revoke_token"),
}
OF_DJANGO: Grants = {
    "CodeGrantMixin": ("save_authorization_code",),
    "BearerTokenValidator": (),
}
# A client authenticates by the method that it is registered for, at every endpoint.
_REGISTERED = [
    (r'(?<="token_endpoint_auth_method": ")client_secret_post', "client_secret_basic")
]
SUITES = ["tests/flask/test_oauth2", "tests/django/test_oauth2"]
COLUMNS = ("passed", "forbidden", "not applicable", "skipped", "failed")
REASONS = {
    "forbidden": [
        # OAuth 2.1 has no implicit and hybrid flows, and no method but S256.
        "test_implicit_grant::",
        "test_openid_implict_grant::",
        "test_openid_hybrid_grant::",
        "test_code_challenge::test_(missing|trusted_client_missing)_code_verifier",
        "test_code_challenge::test_(plain_|not_implemented_)code_challenge",
        # A public client without PKCE.
        "test_authorization_code_grant::test_authorize_token_no_refresh_token",
        "test_authorization_code_grant::test_token_generator",
        # A token request without redirect_uri, of a client with one.
        "test_authorization_code_grant::test_invalid_redirect_uri",
        # HMAC under the client's secret, of which the store has a hash.
        "test_jwt_bearer_client_auth::test_(client_secret_jwt|invalid_jwt|issuer_as)",
        "test_jwt_bearer_client_auth::test_(iss_sub|missing_exp|missing_jti|not_)",
        "test_jwt_bearer_client_auth::test_validate_jti_failed",
        # An answer without the issuer (RFC 9207).
        "test_authorization_code_iss_parameter::test_rfc9207_dis[a-z]+_.*_no_iss",
        # Telling a client that another one's token exists.
        "test_revocation_endpoint::test_revoke_token_bound_to_client",
    ],
    "not applicable": [
        # The client compares the nonce, not the server.
        "test_openid_code_grant::test_nonce_replay",
        # Device codes in a dictionary of the test.
        "test_device_code_grant::test_get_access_token",
        # These fail on Authlib's own models too: the suite is older than the release.
        "test_client_configuration_endpoint::test_[a-z]+_unauthorized_client",
        "test_jwt_authorization_request::test_request_uri_parameter_get",
        "test_jwt_bearer_grant::test_(authorize_token|unauthorized_client)",
        "test_jwt_bearer_grant::test_(token_generator|jwt_bearer_token_generator)$",
        "test_jwt_bearer_grant::test_missing_assertion_claims",
    ],
}
EDITS = {
    "rfc9068/test_token_introspection.py": _REGISTERED,
    "rfc9068/test_token_revocation.py": _REGISTERED,
    "conftest.py": [
        (r"def db\(app\)", "def db(app, authority, authority_tenant)"),
        (r"db\.init_app\(app\)", "db.open(authority, authority_tenant)"),
    ],
    "oauth2_server.py": [
        (r"from authlib\.integrations\.sqla_oauth2.*\n", ""),
        (
            r"from \.models import Token\n",
            "from .models import adopt, query_client, save_token\n",
        ),
        (r" +query_client = .*\n +save_token = .*\n", ""),
        (r'(?=    @app.route\("/oauth/authorize")', "    adopt(server)\n\n"),
    ],
}


def adapt(tests: Path) -> None:
    """Replace the models in a copy of the tests."""
    flask = tests / "flask" / "test_oauth2"
    models = (HERE / "flask_models.py").read_text()
    claims = _method((flask / "models.py").read_text(), "generate_user_info")
    models += "\n\nfrom authlib.oidc.core import UserInfo\n"
    models += f"\n\n{claims}\n\n\nUser.generate_user_info = generate_user_info\n"
    (flask / "models.py").write_text(models)
    for name, edits in EDITS.items():
        text = (flask / name).read_text()
        for pattern, new in edits:
            text, count = re.subn(pattern, new, text)
            assert count, (name, pattern)
        (flask / name).write_text(text)
    for path in [*flask.glob("test_*.py"), *flask.glob("rfc9068/test_*.py")]:
        dots = "." * (len(path.relative_to(flask).parts))
        path.write_text(adapted(path.read_text(), f"{dots}models", GRANTS))
    django = tests / "django" / "test_oauth2"
    (django / "flask_models.py").write_text(models)
    shutil.copy(HERE / "django_models.py", django / "models.py")
    shutil.copy(HERE / "django_conftest.py", django / "conftest.py")
    for path in django.glob("test_*.py"):
        path.write_text(adapted(path.read_text(), ".models", GRANTS | OF_DJANGO))


def adapted(text: str, models: str, grants: Grants) -> str:
    """Return a test file that takes grants with models of the store."""
    text = re.sub(r"from authlib\.integrations\.sqla_oauth2", f"from {models}", text)
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "authlib"
        ):
            for name in node.names:
                if name.name in grants:
                    lines[node.lineno - 1] = lines[node.lineno - 1].replace(
                        str(node.module), models
                    )
        if isinstance(node, ast.ClassDef):
            for method in _replaced(node, grants):
                for number in range(method.lineno - 1, method.end_lineno or 0):
                    lines[number] = ""
                lines[method.lineno - 1] = " " * method.col_offset + "pass"
    return "\n".join(lines) + "\n"


def _method(text: str, name: str) -> str:
    """Return a method of the suite's own models, as a function."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return textwrap.dedent(
                ast.get_source_segment(text, node, padded=True) or ""
            )
    raise LookupError(name)


def _replaced(node: ast.ClassDef, grants: Grants) -> list[ast.FunctionDef]:
    names = {
        name
        for base in node.bases
        for grant, methods in grants.items()
        if isinstance(base, ast.Name) and base.id.lstrip("_") == grant
        for name in methods
    }
    functions = [each for each in node.body if isinstance(each, ast.FunctionDef)]
    return [each for each in functions if each.name in names]


def count(report: Path) -> bool:
    """Print a table, and tests that failed for no known reason. Return whether none."""
    found: dict[str, Counter[str]] = {}
    unexpected = []
    for case in ElementTree.parse(report).iter("testcase"):
        outcome = next(
            (each.tag for each in case if each.tag != "properties"), "passed"
        )
        name = str(case.get("classname")).removeprefix("tests.")
        test = f"{name.rpartition('.')[2]}::{case.get('name')}"
        if outcome in {"failure", "error"}:
            outcome = reason_of(test)
            if outcome == "failed":
                unexpected.append(test)
        found.setdefault(name.replace(".test_oauth2.", "."), Counter())[outcome] += 1
    total = sum(found.values(), Counter[str]())
    for name, counts in [*sorted(found.items()), ("all", total)]:
        print("|", name, "|", " | ".join(str(counts[each]) for each in COLUMNS), "|")
    print(*unexpected, sep="\n")
    return not unexpected


def reason_of(test: str) -> str:
    """Return the column of a test that fails."""
    for column, patterns in REASONS.items():
        if any(re.match(each, test) for each in patterns):
            return column
    return "failed"


def main() -> int:
    """Run the suites in a copy."""
    checkout, *arguments = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copytree(Path(checkout) / "tests", copy / "tests")
        adapt(copy / "tests")
        report = copy / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += [
            f"--junit-xml={report}",
            *(arguments or SUITES),
        ]
        subprocess.run(command, cwd=copy, check=False)
        return 0 if count(report) else 1


if __name__ == "__main__":
    sys.exit(main())
