"""The documentation: the OpenAPI document, and Swagger UI from files that are installed with us."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from adapters.web.auth import PUBLIC
from adapters.web.exchange import Answer
from adapters.web.openapi import openapi_document
from adapters.web.parts import WebParts
from adapters.web.problems import not_found

SCHEMA: Final = "/schema"
DOCUMENT: Final = "/schema/openapi.json"
ASSET: Final = "/schema/{asset:str}"
FAVICON: Final = "/favicon.ico"

_PAGE: Final = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Cash-out API</title>
<link rel="icon" type="image/png" href="/schema/favicon-32x32.png">
<link rel="stylesheet" href="/schema/swagger-ui.css">
</head>
<body>
<div id="ui"></div>
<script src="/schema/swagger-ui-bundle.js"></script>
<script src="/schema/start.js"></script>
</body>
</html>
"""
# A file of its own, so that the page's policy can forbid scripts inside of it.
_START: Final = b"""SwaggerUIBundle({
  url: "/schema/openapi.json",
  dom_id: "#ui",
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
"""
_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline';"
    b" img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none';"
    b" frame-ancestors 'none'"
)
_KEPT: Final = ((b"cache-control", b"public, max-age=86400"),)
_PACKAGED: Final = {
    "swagger-ui.css": b"text/css; charset=utf-8",
    "swagger-ui-bundle.js": b"text/javascript; charset=utf-8",
    "favicon-16x16.png": b"image/png",
    "favicon-32x32.png": b"image/png",
}


def documentation_routes(parts: WebParts) -> list[HTTPRouteHandler]:
    """Return the routes; the files are read when somebody first looks."""
    document = msgspec.json.encode(openapi_document(parts.settings.service_name))
    files = _Files(_folder(), {"start.js": _START})

    @get(SCHEMA, opt={PUBLIC: True})
    async def documentation() -> Answer:
        headers = [(b"content-security-policy", _POLICY)]
        return Answer(_PAGE, headers=headers, media_type=b"text/html; charset=utf-8")

    @get(DOCUMENT, opt={PUBLIC: True})
    async def openapi_json() -> Answer:
        return Answer(document)

    @get(ASSET, opt={PUBLIC: True})
    async def documentation_asset(asset: FromPath[str]) -> Answer:
        return files.answer(asset)

    @get(FAVICON, opt={PUBLIC: True})
    async def favicon() -> Answer:
        return files.answer("favicon-32x32.png")

    return [documentation, openapi_json, documentation_asset, favicon]


@dataclass(slots=True)
class _Files:
    """Swagger UI's files by name; only those that the page needs exist here."""

    folder: Path
    read: dict[str, bytes]

    def answer(self, name: str) -> Answer:
        """Return a file; raise Problem NOT_FOUND."""
        if name in _PACKAGED and name not in self.read:
            self.read[name] = (self.folder / name).read_bytes()
        if name not in self.read:
            raise not_found()
        media_type = _PACKAGED.get(name, b"text/javascript; charset=utf-8")
        return Answer(self.read[name], headers=_KEPT, media_type=media_type)


def _folder() -> Path:
    """Return where the package keeps Swagger UI, without importing it."""
    found = importlib.util.find_spec("swagger_ui")
    if found is None or found.origin is None:
        message = "the package with Swagger UI's files is not installed"
        raise RuntimeError(message)
    return Path(found.origin).parent / "static"
