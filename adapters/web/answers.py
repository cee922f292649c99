"""Answers: the success envelope as bytes."""

from collections.abc import Mapping

import msgspec
from litestar import Response
from litestar.enums import MediaType

from adapters.web.schemas import JSON_BYTES, Success


def success(
    data: object,
    *,
    message: str | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response[bytes]:
    """Return data in its envelope."""
    envelope = Success(message=message or msgspec.UNSET, data=data)
    return plain(JSON_BYTES.encode(envelope), status=status, headers=headers)


def plain(
    body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response[bytes]:
    """Return JSON that is written already."""
    return Response(
        body, status_code=status, headers=dict(headers or {}), media_type=MediaType.JSON
    )
