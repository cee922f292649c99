"""The light provider: accepts, sends signed webhooks, and ends with whoever started it."""

import socket
import subprocess
import sys
import threading
import urllib.request

import msgspec

from tests.bench.provider import Light, taken
from tests.bench.requests import webhook
from tests.bench.stand import HOOK_SECRET, ROOT


def start(light: Light) -> tuple["subprocess.Popen[bytes]", int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.provider"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(msgspec.json.encode(light) + b"\n")
    process.stdin.flush()
    return process, int(process.stdout.readline())


def test_an_order_is_accepted_and_its_webhook_sent_and_then_it_ends_by_itself() -> None:
    heard: list[tuple[bytes, bytes]] = []
    with socket.create_server(("127.0.0.1", 0)) as door:

        def hear() -> None:
            connection, _ = door.accept()
            read = bytearray()
            with connection:
                while (message := taken(read)) is None:
                    read += connection.recv(65_536)
                heard.append(message)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        hearing = threading.Thread(target=hear)
        hearing.start()
        process, port = start(Light(secret=HOOK_SECRET, api_ports=[door.getsockname()[1]]))
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/cashout",
            data=b"{}",
            headers={"X-Reference-Id": "REF-1"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert answer.status == 202
        hearing.join(5)
    process.communicate(timeout=5)
    assert process.returncode == 0
    expected = taken(bytearray(webhook("REF-1", HOOK_SECRET)))
    assert heard == [expected]


def test_a_message_is_taken_only_when_it_is_whole() -> None:
    read = bytearray(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nab")
    assert taken(read) is None
    read += b"cdGET"
    assert taken(read) == (b"POST / HTTP/1.1\r\nContent-Length: 4", b"abcd")
    assert read == b"GET"
