"""What goes wrong, in the shape that OpenAI's clients understand."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from pydantic import BaseModel
from starlette.responses import JSONResponse

from index import DocumentError, LibraryError, PinciteError
from rag import ModelError, QuestionError
from rag.errors import ReceiptError


class Fault(BaseModel):
    """`message` says what is wrong and what to do; `param` which part of the request, where it is known."""

    message: str
    type: str
    param: str | None
    code: str


class ErrorBody(BaseModel):
    error: Fault


_STATUS: dict[type[PinciteError], tuple[int, str]] = {
    QuestionError: (400, "invalid_question"),
    ReceiptError: (400, "invalid_receipt"),
    DocumentError: (404, "document_not_found"),
    ModelError: (502, "model_failed"),
    LibraryError: (503, "library_unavailable"),
}


def fault(status: int, message: str, code: str = "", param: str | None = None) -> ErrorBody:
    kind = "rate_limit_error" if status == 429 else "server_error" if status >= 500 else "invalid_request_error"
    code = code or HTTPStatus(status).phrase.lower().replace(" ", "_")
    return ErrorBody(error=Fault(message=message, type=kind, param=param, code=code))


def refused(
    status: int, message: str, code: str = "", param: str | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    return JSONResponse(fault(status, message, code, param).model_dump(), status, headers)


def of(error: PinciteError) -> tuple[int, ErrorBody]:
    """The status and the body that tell of it."""
    status, code = next((found for kind, found in _STATUS.items() if isinstance(error, kind)), (500, "failed"))
    return status, fault(status, str(error), code)
