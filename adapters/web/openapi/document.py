"""The OpenAPI 3.1 document: every route, code, error and example, closed request schemas.

It is written from a table and not inferred from handlers, because handlers read raw bytes: what
they accept is stricter than any signature can say. A test holds table and routes together.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from adapters.web.openapi.examples import problems
from adapters.web.openapi.operations import operations
from adapters.web.openapi.pieces import REF, REQUEST_ID, TEXT_HEADER, Json, Operation, schemas
from adapters.web.parts import SERVICE_NAME, VERSION
from adapters.web.problems import ErrorAnswer, Problem
from adapters.web.statements import ONE_STATEMENT
from adapters.web.webhooks import WEBHOOK

_EVERYWHERE: Final = ("OVERLOADED", "INTERNAL_ERROR")


def openapi_document(service_name: str = SERVICE_NAME) -> Json:
    """Return the document, ready to be written as JSON."""
    paths: dict[str, Json] = {}
    for each in operations():
        path = each.path.replace(":str}", "}")
        paths.setdefault(path, {})[each.method] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": service_name,
            "version": VERSION,
            "description": "Pays mobile-money users out. A 2xx means that the cash-out cannot be"
            " lost any more; its state tells how far it got. Errors carry a stable code.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "cash-outs", "description": "Take, read, list, cancel and price."},
            {"name": "providers", "description": "Who pays where, and their webhooks."},
            {"name": "reviews", "description": "For operators: settle what no machine may decide."},
            {"name": "statements", "description": "Providers' books held against ours."},
            {"name": "health", "description": "Whether the process lives and can work."},
        ],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "Claims: userId (or sub), exp, role (user; for operators"
                    " viewer, operator, approver or admin).",
                }
            },
        },
    }


def _operation(operation: Operation) -> Json:
    found: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "responses": _responses(operation),
    }
    if operation.description:
        found["description"] = operation.description
    if operation.parameters:
        found["parameters"] = list(operation.parameters)
    if operation.body is not None:
        found["requestBody"] = operation.body
    if operation.public:
        found["security"] = []
    return found


_IN_THE_PATH: Final = {"INVALID_PROVIDER": 404}


def _responses(operation: Operation) -> Json:
    found: Json = {str(status): answer for status, answer in operation.answers.items()}
    known = problems()
    by_status: dict[int, list[Problem]] = {}
    for code in (*operation.errors, *_EVERYWHERE):
        problem = known[code]
        status = problem.status
        if operation.path in {WEBHOOK, ONE_STATEMENT}:
            status = _IN_THE_PATH.get(code, status)
        by_status.setdefault(status, []).append(problem)
    for status, group in sorted(by_status.items()):
        if str(status) in found:
            continue
        codes = [each.code for each in group]
        found[str(status)] = {
            "description": ", ".join(codes),
            "headers": _error_headers(group),
            "content": {
                "application/json": {
                    "schema": REF[ErrorAnswer],
                    "examples": {
                        each.code: {"value": msgspec.json.decode(each.body())} for each in group
                    },
                }
            },
        }
    return found


def _error_headers(problems: Sequence[Problem]) -> Json:
    named = {
        "retry-after": "Retry-After",
        "www-authenticate": "WWW-Authenticate",
    }
    told = {named[each] for problem in problems for each in problem.headers if each in named}
    return {"X-Request-Id": REQUEST_ID, **dict.fromkeys(sorted(told), TEXT_HEADER)}
