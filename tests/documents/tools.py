"""The tools of the documents: those of this machine, or what stands in for them on a bare one."""

import os
import shutil
import sys
from pathlib import Path

_CURL = '''\
"""A curl for the options that the documents use."""
import argparse, http.client, sys, urllib.parse

words = argparse.ArgumentParser()
words.add_argument("-sS", "-sSN", dest="silent", action="store_true")
words.add_argument("-X", dest="method")
words.add_argument("-H", dest="headers", action="append", default=[])
words.add_argument("-d", "--data", dest="body")
words.add_argument("--data-binary", dest="file_sent")
words.add_argument("-o", dest="file")
words.add_argument("-w", dest="told", default="")
words.add_argument("url")
given = words.parse_args()
url = urllib.parse.urlsplit(given.url)
body = given.body.encode() if given.body is not None else None
if given.file_sent is not None:
    body = open(given.file_sent.removeprefix("@"), "rb").read()
connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
target = url.path + ("?" + url.query if url.query else "")
headers = {n: v.encode() for n, v in (line.split(": ", 1) for line in given.headers)}
connection.request(given.method or ("POST" if body is not None else "GET"), target, body, headers)
answer = connection.getresponse()
text = answer.read()
if given.file is None:
    sys.stdout.buffer.write(text)
else:
    open(given.file, "wb").write(text)
sys.stdout.write(given.told.replace("%{http_code}", str(answer.status)).replace("\\\\n", "\\n"))
'''
_OPENSSL = '''\
"""An openssl for `dgst -sha256 -hmac KEY -r`."""
import hashlib, hmac, sys

key = sys.argv[sys.argv.index("-hmac") + 1]
print(hmac.new(key.encode(), sys.stdin.buffer.read(), hashlib.sha256).hexdigest() + " *stdin")
'''
STAND_INS = {"curl": _CURL, "openssl": _OPENSSL}


def path_with_tools(folder: Path, *, bare: bool = False) -> str:
    """Return a PATH with every tool on it; bare: as on a machine that has none of them."""
    usual = os.environ.get("PATH", os.defpath)
    places = folder / "tools"
    for name, script in STAND_INS.items():
        if bare or shutil.which(name, path=usual) is None:
            places.mkdir(exist_ok=True)
            stand_in = places / name
            stand_in.write_text(f"#!{sys.executable}\n{script}")
            stand_in.chmod(0o755)
    return f"{places}{os.pathsep}{usual}"
