"""Tokens signed by somebody else: the API fetches the key set and believes what it signs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from tests.entrypoints.orders import CASH_OUT
from tests.running import running
from tests.servers import free_port

pytestmark = pytest.mark.anyio


class _KeySet(BaseHTTPRequestHandler):
    """Answers with the key set of its server."""

    server: "_Issuer"

    def do_GET(self) -> None:
        self.server.asked += 1
        body = json.dumps({"keys": self.server.keys}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


class _Issuer(ThreadingHTTPServer):
    """Whoever signs users in."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _KeySet)
        self.key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        public = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        self.keys: list[dict[str, Any]] = [{**public, "kid": "one", "use": "sig"}]
        self.status = 200
        self.asked = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/keys"

    def bearer(self, kid: str = "one") -> dict[str, str]:
        until = datetime.now(UTC) + timedelta(hours=1)
        claims = {"userId": "user-1", "exp": until}
        token = jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": kid})
        return {"Authorization": f"Bearer {token}"}


@contextmanager
def issuing() -> Iterator[_Issuer]:
    issuer = _Issuer()
    thread = Thread(target=issuer.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield issuer
    finally:
        issuer.shutdown()
        thread.join()
        issuer.server_close()


async def test_a_key_set_signs_users_in_and_is_fetched_once(tmp_path: Path) -> None:
    with issuing() as issuer, issuing() as stranger:
        async with running(tmp_path, JWT_SECRET="", JWT_JWKS_URL=issuer.url) as service:
            for _ in range(3):
                mine = await service.client.get(CASH_OUT, headers=issuer.bearer())
                assert mine.status_code == 200, mine.text
            forged = await service.client.get(CASH_OUT, headers=stranger.bearer())
            assert forged.status_code == 401
        assert issuer.asked == 1
        assert stranger.asked == 0


async def test_a_key_set_that_cannot_be_fetched_is_nobodys_fault_but_ours(tmp_path: Path) -> None:
    """A good token is not called bad because the issuer is away: 503, try again."""
    away = f"http://127.0.0.1:{free_port()}/keys"
    with issuing() as issuer:
        issuer.status = 500
        for url in (away, issuer.url):
            async with running(tmp_path, JWT_SECRET="", JWT_JWKS_URL=url) as service:
                answer = await service.client.get(CASH_OUT, headers=issuer.bearer())
                assert answer.status_code == 503, answer.text
                assert "retry-after" in answer.headers
