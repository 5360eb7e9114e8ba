"""What goes wrong, in the shape that OpenAI's clients understand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from index import DocumentError, LibraryError, PinciteError
from rag import ModelError, QuestionError
from rag.errors import ReceiptError
from ui.api.work import Busy, Gone


class Fault(BaseModel):
    """`message` says what is wrong and what to do; `param` which part of the request, where it is known."""

    message: str
    type: str
    param: str | None
    code: str


class ErrorBody(BaseModel):
    error: Fault


class NoModel(Exception):
    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"There is no model {name!r}. Ask {' or '.join(known)}.")


# What any route may answer with instead of its own shape.
FAULTS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody} for status in (400, 401, 403, 404, 405, 411, 413, 429, 500, 502, 503)
}
_STATUS: dict[type[PinciteError], tuple[int, str]] = {
    QuestionError: (400, "invalid_question"),
    ReceiptError: (400, "invalid_receipt"),
    DocumentError: (404, "document_not_found"),
    ModelError: (502, "model_failed"),
    LibraryError: (503, "library_unavailable"),
}
_SAID = {
    404: "There is nothing at this address. What there is stands in /openapi.json.",
    405: "This address does not take this method. What it takes stands in /openapi.json.",
}


def _fault(status: int, message: str, code: str = "", param: str | None = None) -> ErrorBody:
    kind = "rate_limit_error" if status == 429 else "server_error" if status >= 500 else "invalid_request_error"
    code = code or HTTPStatus(status).phrase.lower().replace(" ", "_")
    return ErrorBody(error=Fault(message=message, type=kind, param=param, code=code))


def refused(
    status: int, message: str, code: str = "", param: str | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    return JSONResponse(_fault(status, message, code, param).model_dump(), status, headers)


def fault_of(error: PinciteError) -> tuple[int, ErrorBody]:
    """The status and the body that tell of it."""
    status, code = next((found for kind, found in _STATUS.items() if isinstance(error, kind)), (500, "failed"))
    return status, _fault(status, str(error), code)


def answer_faults(app: FastAPI) -> None:
    """Let the application answer so to all that goes wrong in it."""

    @app.exception_handler(PinciteError)
    async def pincite_error(_: Request, error: PinciteError) -> JSONResponse:
        status, body = fault_of(error)
        return JSONResponse(body.model_dump(), status)

    @app.exception_handler(NoModel)
    async def no_model(_: Request, error: NoModel) -> JSONResponse:
        return refused(404, str(error), "model_not_found", "model")

    @app.exception_handler(Busy)
    async def busy(_: Request, __: Busy) -> JSONResponse:
        return refused(
            503, "Too many questions wait. Try again in a few seconds.", "busy", headers={"retry-after": "5"}
        )

    @app.exception_handler(Gone)
    async def gone(_: Request, __: Gone) -> Response:
        return Response(status_code=499)  # nobody reads it

    @app.exception_handler(RequestValidationError)
    async def not_understood(_: Request, error: RequestValidationError) -> JSONResponse:
        first = max(error.errors(), key=lambda one: len(one["loc"]))  # of several readings the one that came farthest
        param = _param(first["loc"])
        wrong = "It is blank" if first["type"] == "string_pattern_mismatch" else first["msg"]
        return refused(400, f"{param or 'The request'}: {wrong}.", "invalid_value", param or None)

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> JSONResponse:
        return refused(error.status_code, _SAID.get(error.status_code, str(error.detail)), headers=error.headers)


def _param(place: tuple[str | int, ...]) -> str:
    """As the sender knows it: without the part of the request, and the kinds of message that were tried."""
    parts = [str(part) for part in place[1:]]
    named = [part for part in parts if part.isidentifier() or part.isdecimal()]
    return re.sub(r"^(messages\.\d+)\.\w+", r"\1", ".".join(named))
