"""The server for programs: its routes, and what each of them is given."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from fastapi.security import HTTPBearer
from limits import RateLimitItem
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from index import Library, Part, PinciteError
from rag import Assistant, QuestionError
from rag.drafts import check_against
from rag.receipts import verify
from rag.settled import settled
from ui.api import errors
from ui.api.callers import Callers
from ui.api.completions import (
    DONE,
    QUOTES,
    ChatCompletion,
    ChatRequest,
    Chunks,
    Extension,
    ModelList,
    ModelShape,
    Writer,
    completion,
    failed,
    models,
    usage,
)
from ui.api.counters import FORMAT, Counters
from ui.api.guard import OPEN, Guard
from ui.api.shapes import (
    AnswerShape,
    Asked,
    Checked,
    Draft,
    Found,
    Listed,
    Place,
    Question,
    Read,
    Receipt,
    Verified,
)
from ui.api.work import Busy, Gone, Work, watched

_ABOUT = (
    "Answers from a library of articles, every sentence pinned to the exact characters that support it. "
    "`/v1` speaks OpenAI's protocol; the rest says everything that there is to say of an answer."
)
_MOST_AROUND = 5000
_MOST_READ = 100_000
_MOST_ROWS = 1000
# What any route may answer with instead of its own shape.
_Faults = dict[int | str, dict[str, Any]]
_FAULTS: _Faults = {
    status: {"model": errors.ErrorBody} for status in (400, 401, 403, 404, 405, 411, 413, 429, 500, 502, 503)
}

Close = Callable[[], object]


class Health(BaseModel):
    status: str


class Ready(BaseModel):
    status: str
    documents: int
    passages: int


def create(
    assistant: Assistant, callers: Callers, rate: RateLimitItem | None = None, close: Close | None = None
) -> Guard:
    """The application; when its server stops it calls `close`."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        if close:
            close()

    counters = Counters()
    app = FastAPI(
        title="Pincite",
        version="1",
        description=_ABOUT,
        docs_url=None,  # they would load scripts from other hosts
        redoc_url=None,
        lifespan=lifespan,
        dependencies=[Depends(HTTPBearer(auto_error=False, description="A token of PINCITE_TOKENS, if there are any"))],
    )
    _answer_faults(app)
    _serve_openai(app, assistant, counters, work := Work())
    _serve_own(app, assistant, counters, work)
    _serve_operators(app, assistant, counters)
    return Guard(_documented(app), callers, counters, rate)


def _serve_openai(app: FastAPI, assistant: Assistant, counters: Counters, work: Work) -> None:
    @app.get("/v1/models", tags=["OpenAI"], responses=_FAULTS)
    async def list_models() -> ModelList:
        return ModelList(object="list", data=models(assistant))

    @app.get("/v1/models/{model}", tags=["OpenAI"], responses=_FAULTS)
    async def one_model(model: str) -> ModelShape:
        return _model(assistant, model)

    @app.post("/v1/chat/completions", tags=["OpenAI"], responses=_FAULTS, response_model=ChatCompletion)
    async def chat(asked: ChatRequest, request: Request) -> Response | ChatCompletion:
        """An answer with its citations; with `stream`, Server-Sent Events of the pieces of it."""
        model = _model(assistant, asked.model).id
        asking = assistant.quoting() if model == QUOTES else assistant
        wanted = asked.pincite or Extension()
        question, history = asked.conversation()
        reply = asking.stream(question, history, within=await _part(wanted, request, assistant))
        prompt = [question, *(message.text for message in history)]
        writer = Writer(str(request.base_url))
        if not asked.stream:
            answer = await work.answer(request, reply)
            counters.count(answer)
            for sentence in answer.sentences:
                writer.add(sentence)
            writer.end(answer, wanted.footnotes)
            return completion(answer, writer, model, usage(assistant.reader, prompt, answer.text))

        async def events() -> AsyncIterator[str]:
            chunks = Chunks(model)
            try:
                async for sentence in work.each(reply, settled(reply, asking.unsupported)):
                    yield (chunks.begin() if not writer.text else "") + chunks.piece(writer.add(sentence))
                if reply.stopped:
                    return
                answer = reply.answer
                counters.count(answer)
                if not writer.text:
                    yield chunks.begin()
                yield chunks.end(answer, writer, writer.end(answer, wanted.footnotes))
                if asked.stream_options and asked.stream_options.include_usage:
                    yield chunks.usage(usage(assistant.reader, prompt, answer.text))
                yield DONE
            except PinciteError as error:
                if not writer.text:
                    raise
                yield failed(errors.of(error)[1])

        # A question that fails before its first sentence gets a status of its own.
        async with watched(request, reply.close):
            begun = await _begun(events())
        return StreamingResponse(begun, media_type="text/event-stream")


def _serve_own(app: FastAPI, assistant: Assistant, counters: Counters, work: Work) -> None:
    @app.post("/ask", tags=["Pincite"], responses=_FAULTS)
    async def ask(asked: Question, request: Request) -> AnswerShape:
        """Answer a question; what comes back is also a receipt, for POST /receipts."""
        part = await _part(asked, request, assistant)
        asking = assistant.quoting() if asked.quotes else assistant
        reply = asking.stream(asked.question, [said.message() for said in asked.history], within=part)
        answer = await work.answer(request, reply)
        counters.count(answer)
        return AnswerShape.model_validate(answer.to_dict())

    @app.post("/check", tags=["Pincite"], responses=_FAULTS)
    async def check(draft: Draft, request: Request) -> Checked:
        """Hold every sentence of a text against the library, or against the passages that come with it.

        A text that holds no sentence has none that is checked.
        """
        part = await _part(draft, request, assistant)
        found = (
            assistant.check(draft.text, within=part)
            if draft.passages is None
            else check_against(draft.text, draft.passages, assistant.reader)
        )
        try:
            sentences = await work.done(request, found)
        except QuestionError:  # of a text that is not too long, which the schema has seen to: it holds no sentence
            sentences = []
        return Checked.of(sentences)

    @app.post("/search", tags=["Pincite"], responses=_FAULTS)
    async def search(asked: Question, request: Request) -> Found:
        """What the library has on a question, whether or not it answers it."""
        part = await _part(asked, request, assistant)
        history = [said.message() for said in asked.history]
        (found,) = await work.done(request, (assistant.search(asked.question, history, within=part) for _ in "1"))
        return Found.of(found)

    @app.get("/documents", tags=["Pincite"], responses=_FAULTS)
    def documents(
        request: Request,
        start: Annotated[int, Query(ge=0, le=2**31)] = 0,
        most: Annotated[int, Query(ge=1, le=_MOST_ROWS)] = 100,
    ) -> Listed:
        """What the library holds, by title."""
        return Listed.of(_view(request, assistant).documents(), start, most)

    @app.get("/documents/{document}", tags=["Pincite"], responses=_FAULTS)
    def read(
        request: Request,
        document: str,
        start: Annotated[Place, Query(description="The first character")] = 0,
        characters: Annotated[int, Query(ge=0, le=_MOST_READ, description="So many of them")] = 1000,
        around: Annotated[int, Query(ge=0, le=_MOST_AROUND, description="So many more before and after")] = 0,
    ) -> Read:
        """Characters of a document, to the letter, and what stands around them."""
        return Read.of(_view(request, assistant).document(document), (start, start + characters), around)

    @app.post("/receipts", tags=["Pincite"], responses=_FAULTS)
    def receipts(receipt: Receipt, request: Request) -> Verified:
        """Hold an answer that was kept against the library of today: whether its quotes still stand."""
        return Verified.of(verify(receipt.model_dump(), _view(request, assistant)))


def _serve_operators(app: FastAPI, assistant: Assistant, counters: Counters) -> None:
    faults: _Faults = {status: body for status, body in _FAULTS.items() if status in (403, 405, 500, 503)}

    @app.get("/healthz", tags=["operation"], responses=faults)
    async def healthz() -> Health:
        """Whether the process lives."""
        return Health(status="ok")

    @app.get("/readyz", tags=["operation"], responses=faults)
    def readyz() -> Ready:
        """Whether it can answer."""
        library = assistant.library
        return Ready(status="ready", documents=len(library.documents()), passages=library.passage_count)

    @app.get("/metrics", tags=["operation"], responses=_FAULTS)
    def metrics() -> Response:
        """Counters in the format of Prometheus; they say nothing of what was asked."""
        return PlainTextResponse(counters.text(), media_type=FORMAT)


def _view(request: Request, assistant: Assistant) -> Library | Part:
    """What the caller may see."""
    view: Library | Part = request.scope["caller"].view(assistant.library)
    return view


async def _part(asked: Asked, request: Request, assistant: Assistant) -> Part | None:
    """Of what the caller may see that which is asked; in a thread, since a large library takes its time to list."""
    return await to_thread.run_sync(lambda: asked.part(_view(request, assistant)))


def _model(assistant: Assistant, name: str) -> ModelShape:
    known = models(assistant)
    for model in known:
        if model.id == name:
            return model
    raise _NoModel(name, [model.id for model in known])


class _NoModel(Exception):
    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"There is no model {name!r}. Ask {' or '.join(known)}.")


async def _begun(items: AsyncIterator[str]) -> AsyncIterator[str]:
    """The same items, of which the first is there already. Raises Gone if there are none."""
    first = await anext(items, None)
    if first is None:
        raise Gone

    async def all_of_them() -> AsyncIterator[str]:
        yield first
        async for item in items:
            yield item

    return all_of_them()


def _answer_faults(app: FastAPI) -> None:
    @app.exception_handler(PinciteError)
    async def failed(_: Request, error: PinciteError) -> JSONResponse:
        status, body = errors.of(error)
        return JSONResponse(body.model_dump(), status)

    @app.exception_handler(_NoModel)
    async def no_model(_: Request, error: _NoModel) -> JSONResponse:
        return errors.refused(404, str(error), "model_not_found", "model")

    @app.exception_handler(Busy)
    async def busy(_: Request, __: Busy) -> JSONResponse:
        return errors.refused(
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
        return errors.refused(400, f"{param or 'The request'}: {wrong}.", "invalid_value", param or None)

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> JSONResponse:
        return errors.refused(error.status_code, _SAID.get(error.status_code, str(error.detail)), headers=error.headers)


def _param(place: tuple[str | int, ...]) -> str:
    """As the sender knows it: without the part of the request, and the kinds of message that were tried."""
    parts = [str(part) for part in place[1:]]
    named = [part for part in parts if part.isidentifier() or part.isdecimal()]
    return re.sub(r"^(messages\.\d+)\.\w+", r"\1", ".".join(named))


_SAID = {
    404: "There is nothing at this address. What there is stands in /openapi.json.",
    405: "This address does not take this method. What it takes stands in /openapi.json.",
}


def _documented(app: FastAPI) -> FastAPI:
    """Its OpenAPI document says what is answered to a request that is not understood: 400, in our shape."""
    made = app.openapi()
    for path in made["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
    made["components"]["schemas"].pop("HTTPValidationError", None)
    made["components"]["schemas"].pop("ValidationError", None)
    made["paths"]["/v1/chat/completions"]["post"]["responses"]["200"]["content"]["text/event-stream"] = {}
    made["paths"]["/metrics"]["get"]["responses"]["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    for path in OPEN:
        made["paths"][path]["get"]["security"] = []
    return app
