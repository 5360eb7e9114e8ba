"""Before anything is read of a request: who sends it, how often, how much; and after it, what is counted."""

from __future__ import annotations

import math
import os
import time
import uuid

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette import types as asgi
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

from rag import SettingError
from ui.api.callers import Callers
from ui.api.counters import Counters
from ui.api.errors import refused
from ui.network import is_foreign, oversize

# Whoever is to keep the server alive asks these, and has no token.
OPEN = frozenset({"/healthz", "/readyz"})
_HEADERS = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-store"}


class Guard:
    """An ASGI middleware. `scope["caller"]` is who asks; `rate`: how often each of them may, None: as often as they
    like. Where nobody needs a token, pages of other sites must not ask through the browser of who sits here.
    """

    def __init__(self, app: asgi.ASGIApp, callers: Callers, counters: Counters, rate: RateLimitItem | None) -> None:
        self._app, self._callers, self._counters, self._rate = app, callers, counters, rate
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, begun, start = 500, False, time.perf_counter()

        async def counted(message: asgi.Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                MutableHeaders(scope=message).update({**_HEADERS, "x-request-id": uuid.uuid4().hex})
            await send(message)

        with self._counters.in_progress.track_inprogress():
            try:
                await (self._refusal(scope) or self._app)(scope, receive, counted)
            except Exception:
                if not begun:
                    await refused(500, "This did not work; the server's log says more.")(scope, receive, counted)
                raise
            finally:
                path = getattr(scope.get("route"), "path", "other")
                self._counters.requests.labels(scope["method"] if path != "other" else "", path, str(status)).inc()
                self._counters.seconds.labels(path).observe(time.perf_counter() - start)

    def _refusal(self, scope: asgi.Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        if not self._callers and is_foreign(scope["method"], headers, own=True):
            return refused(
                403, "This server answers to its own machine alone. To be asked from others, set PINCITE_TOKENS."
            )
        if scope["path"] in OPEN:
            return None
        caller = scope["caller"] = self._callers.of_header(headers.get("authorization", ""))
        if caller is None:
            return refused(
                401,
                "The token is missing or wrong. Send it as the header: Authorization: Bearer TOKEN (an API key).",
                "invalid_api_key",
                headers={"www-authenticate": "Bearer"},
            )
        if self._rate and not self._limiter.hit(self._rate, caller.name):
            reset = self._limiter.get_window_stats(self._rate, caller.name).reset_time
            wait = max(1, math.ceil(reset - time.time()))
            return refused(
                429,
                f"More than {self._rate} asked. Try again in {wait} seconds.",
                "rate_limit_exceeded",
                headers={"retry-after": str(wait)},
            )
        if wrong := oversize(scope["method"], headers):
            status, message = wrong
            return refused(status, message, "too_large" if status == 413 else "")
        return None


def rate_of(callers: Callers) -> RateLimitItem | None:
    """PINCITE_RATE, such as "60/minute", for each caller; by default 120 a minute where there are tokens.

    Raises SettingError.
    """
    text = os.environ.get("PINCITE_RATE") or ("120/minute" if callers else "")
    try:
        return parse(text) if text else None
    except ValueError:
        raise SettingError(f"PINCITE_RATE is {text!r}. Set it to such as 60/minute or 1000/day, or unset it.") from None
