"""A device without a browser: `python -m examples.notes.television` (RFC 8628).

It shows a code, waits until a person has approved it in a browser, and prints the
person's notes.
"""

import argparse
import sys
import time
from typing import Any

import httpx2
from authlib.integrations.httpx_client import OAuth2Client, OAuthError

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_CLIENT_ID = "television"
_SLOWER = 5  # seconds (RFC 8628 section 3.5)


def main() -> None:
    """Connect, and print the notes."""
    parser = argparse.ArgumentParser(description="The television of the example.")
    parser.add_argument("--port", type=int, default=8000)
    port = parser.parse_args().port
    issuer, api = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}/api"
    with httpx2.Client(trust_env=False) as public:
        metadata = public.get(f"{issuer}/.well-known/openid-configuration").json()
        asked = {"client_id": _CLIENT_ID, "scope": "notes.read", "resource": api}
        begun = public.post(
            metadata["device_authorization_endpoint"], data=asked
        ).json()
    print(f"Open {begun['verification_uri_complete']}")
    print(f"and compare the code: {begun['user_code']}", flush=True)
    method = "none"  # a public client
    with OAuth2Client(
        _CLIENT_ID, token_endpoint_auth_method=method, trust_env=False
    ) as client:
        _wait(client, metadata["token_endpoint"], begun)
        for note in client.get(f"{api}/notes").json():
            print(f"- {note}")


def _wait(client: OAuth2Client, token_endpoint: str, begun: dict[str, Any]) -> None:
    """Ask for the tokens, as often as the issuer allows, until the person answers."""
    pause = begun["interval"]
    while True:
        time.sleep(pause)
        try:
            client.fetch_token(
                token_endpoint, grant_type=_GRANT, device_code=begun["device_code"]
            )
        except OAuthError as error:
            if error.error == "slow_down":
                pause += _SLOWER
            elif error.error != "authorization_pending":
                sys.exit(f"not connected: {error.error}")
        else:
            return


if __name__ == "__main__":
    main()
