"""Style sheet, script and mark: files of ours, read once, named with what is in them."""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from adapters.console.parts import BASE

PUBLIC: Final = "public"
"""The mark of a route that needs nobody signed in."""
_FOLDER: Final = Path(__file__).with_name("assets")
_KINDS: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_KEPT: Final = {"cache-control": "public, max-age=31536000, immutable"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is served. path: changes with its content, so that it may be kept for ever."""

    path: str
    kind: str
    content: bytes


@cache
def assets() -> dict[str, Asset]:
    """Return every asset by its plain name."""
    found: dict[str, Asset] = {}
    for file in sorted(_FOLDER.iterdir()):
        if file.suffix in _KINDS:
            content = file.read_bytes()
            mark = sha256(content).hexdigest()[:12]
            path = f"{BASE}/assets/{file.stem}.{mark}{file.suffix}"
            found[file.name] = Asset(path, _KINDS[file.suffix], content)
    return found


def asset_route() -> HTTPRouteHandler:
    """Return the route of all assets; who has an old page asks for an old name and finds none."""
    by_name = {each.path.rpartition("/")[2]: each for each in assets().values()}

    @get(f"{BASE}/assets/{{name:str}}", opt={PUBLIC: True})
    async def asset(name: FromPath[str]) -> Response[bytes]:
        if name not in by_name:
            raise NotFoundException
        found = by_name[name]
        return Response(found.content, media_type=found.kind, headers=_KEPT)

    return asset
