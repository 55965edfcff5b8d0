"""A device without a browser: `python -m examples.notes.television` (RFC 8628).

It shows a code, waits until a person has approved it in a browser, and prints the
person's notes.
"""

import argparse
import sys
import time
from typing import Any

import httpx2

_CLIENT_ID = "television"  # a public client: it has no secret
_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_SLOWER = 5  # seconds (RFC 8628 section 3.5)


def main() -> None:
    """Connect, and print the notes."""
    parser = argparse.ArgumentParser(description="The television of the example.")
    parser.add_argument("--port", type=int, default=8000)
    port = parser.parse_args().port
    issuer, api = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}/api"
    with httpx2.Client(trust_env=False) as http:
        metadata = http.get(f"{issuer}/.well-known/openid-configuration").json()
        asked = {"client_id": _CLIENT_ID, "scope": "notes.read", "resource": api}
        url = metadata["device_authorization_endpoint"]
        begun = http.post(url, data=asked).json()
        print(f"Open {begun['verification_uri_complete']}")
        print(f"and compare the code: {begun['user_code']}", flush=True)
        token = _wait(http, metadata["token_endpoint"], begun)
        bearer = {"authorization": f"Bearer {token}"}
        for note in http.get(f"{api}/notes", headers=bearer).json():
            print(f"- {note}")


def _wait(http: httpx2.Client, token_endpoint: str, begun: dict[str, Any]) -> str:
    """Ask for a token as often as the issuer allows, until the person has answered."""
    pause = begun["interval"]
    form = {"client_id": _CLIENT_ID, "grant_type": _GRANT}
    form["device_code"] = begun["device_code"]
    while True:
        time.sleep(pause)
        answer = http.post(token_endpoint, data=form).json()
        match answer.get("error"):
            case None:
                return str(answer["access_token"])
            case "authorization_pending":
                pass
            case "slow_down":
                pause += _SLOWER
            case error:
                sys.exit(f"not connected: {error}")


if __name__ == "__main__":
    main()
