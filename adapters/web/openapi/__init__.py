"""The OpenAPI document of this API."""

from adapters.web.openapi.document import openapi_document

__all__ = ["openapi_document"]
