"""The door: who asks is looked at, then the route's function is asked, and nothing in between."""

from typing import Any

from litestar.types import ASGIApp, Receive, Scope, Send

from adapters.web.auth import PUBLIC, InvalidToken, TokenVerifier, bearer
from adapters.web.exchange import Answer, WebRequest, exchange_of, sign_in
from adapters.web.problems import unauthorized


class Door:
    """Stands before every route: without a good token nothing passes that is not marked public.

    A middleware that answers itself. Behind it the framework would build dependencies, parse each
    argument against a model and convert what comes back; routes here take the request and the
    texts of their path, and return an Answer.
    """

    def __init__(self, tokens: TokenVerifier, app: ASGIApp) -> None:
        """Take what knows the tokens; the framework names its own way on, which is not taken."""
        self._tokens = tokens
        del app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the exchange; raise Problem UNAUTHORIZED, and whatever the route raises."""
        handler: Any = scope["route_handler"]
        request = WebRequest(scope, receive, send)
        if not handler.opt.get(PUBLIC):
            await self._look_at(request)
        given = {"request": request, **scope["path_params"]}
        wanted = handler.parsed_fn_signature.parameters
        answer: Answer = await handler.fn(**{name: given[name] for name in wanted})
        await answer(scope, receive, send)

    async def _look_at(self, request: WebRequest) -> None:
        try:
            caller = await self._tokens.verify(bearer(exchange_of(request).headers))
        except InvalidToken:
            raise unauthorized() from None
        sign_in(request, caller)
