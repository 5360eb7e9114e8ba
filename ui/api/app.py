"""The server for programs: its routes, and what each of them is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse
from fastapi.security import HTTPBearer
from limits import RateLimitItem
from pydantic import BaseModel

from index import Library, Part, PinciteError
from rag import Assistant, QuestionError
from rag.drafts import check_against
from rag.receipts import verify
from rag.reply import settled
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
    completion,
    failed,
    models,
    usage,
)
from ui.api.counters import FORMAT, Counters
from ui.api.errors import FAULTS, NoModel, answer_faults, fault_of
from ui.api.guard import OPEN, Guard
from ui.api.message import Writer
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
from ui.api.work import Gone, Work, watched

_ABOUT = (
    "Answers from a library of articles, every sentence pinned to the exact characters that support it. "
    "`/v1` speaks OpenAI's protocol; the rest says everything that there is to say of an answer."
)
_MOST_AROUND = 5000
_MOST_READ = 100_000
_MOST_ROWS = 1000


class Health(BaseModel):
    status: str


class Ready(BaseModel):
    status: str
    documents: int
    passages: int


def create(assistant: Assistant, callers: Callers, rate: RateLimitItem | None, close: Callable[[], object]) -> Guard:
    """The application; when its server stops it calls `close`."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
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
    answer_faults(app)
    _serve_openai(app, assistant, counters, work := Work())
    _serve_own(app, assistant, counters, work)
    _serve_operators(app, assistant, counters)
    return Guard(_documented(app), callers, counters, rate)


def _serve_openai(app: FastAPI, assistant: Assistant, counters: Counters, work: Work) -> None:
    @app.get("/v1/models", tags=["OpenAI"], responses=FAULTS)
    async def list_models() -> ModelList:
        return ModelList(object="list", data=models(assistant))

    @app.get("/v1/models/{model}", tags=["OpenAI"], responses=FAULTS)
    async def one_model(model: str) -> ModelShape:
        return _model(assistant, model)

    @app.post("/v1/chat/completions", tags=["OpenAI"], responses=FAULTS, response_model=ChatCompletion)
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
                yield failed(fault_of(error)[1])

        # A question that fails before its first sentence gets a status of its own.
        async with watched(request, reply.close):
            begun = await _begun(events())
        return StreamingResponse(begun, media_type="text/event-stream")


def _serve_own(app: FastAPI, assistant: Assistant, counters: Counters, work: Work) -> None:
    @app.post("/ask", tags=["Pincite"], responses=FAULTS)
    async def ask(asked: Question, request: Request) -> AnswerShape:
        """Answer a question; what comes back is also a receipt, for POST /receipts."""
        part = await _part(asked, request, assistant)
        asking = assistant.quoting() if asked.quotes else assistant
        reply = asking.stream(asked.question, [said.message() for said in asked.history], within=part)
        answer = await work.answer(request, reply)
        counters.count(answer)
        return AnswerShape.model_validate(answer.to_dict())

    @app.post("/check", tags=["Pincite"], responses=FAULTS)
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

    @app.post("/search", tags=["Pincite"], responses=FAULTS)
    async def search(asked: Question, request: Request) -> Found:
        """What the library has on a question, whether or not it answers it."""
        part = await _part(asked, request, assistant)
        history = [said.message() for said in asked.history]
        (found,) = await work.done(request, (assistant.search(asked.question, history, within=part) for _ in "1"))
        return Found.of(found)

    @app.get("/documents", tags=["Pincite"], responses=FAULTS)
    def documents(
        request: Request,
        start: Annotated[int, Query(ge=0, le=2**31)] = 0,
        most: Annotated[int, Query(ge=1, le=_MOST_ROWS)] = 100,
    ) -> Listed:
        """What the library holds, by title."""
        return Listed.of(_view(request, assistant).documents(), start, most)

    @app.get("/documents/{document}", tags=["Pincite"], responses=FAULTS)
    def read(
        request: Request,
        document: str,
        start: Annotated[Place, Query(description="The first character")] = 0,
        characters: Annotated[int, Query(ge=0, le=_MOST_READ, description="So many of them")] = 1000,
        around: Annotated[int, Query(ge=0, le=_MOST_AROUND, description="So many more before and after")] = 0,
    ) -> Read:
        """Characters of a document, to the letter, and what stands around them."""
        return Read.of(_view(request, assistant).document(document), (start, start + characters), around)

    @app.post("/receipts", tags=["Pincite"], responses=FAULTS)
    def receipts(receipt: Receipt, request: Request) -> Verified:
        """Hold an answer that was kept against the library of today: whether its quotes still stand."""
        return Verified.of(verify(receipt.model_dump(), _view(request, assistant)))


def _serve_operators(app: FastAPI, assistant: Assistant, counters: Counters) -> None:
    faults: dict[int | str, dict[str, Any]] = {
        status: body for status, body in FAULTS.items() if status in (403, 405, 500, 503)
    }

    @app.get("/healthz", tags=["operation"], responses=faults)
    async def healthz() -> Health:
        """Whether the process lives."""
        return Health(status="ok")

    @app.get("/readyz", tags=["operation"], responses=faults)
    def readyz() -> Ready:
        """Whether it can answer."""
        library = assistant.library
        return Ready(status="ready", documents=len(library.documents()), passages=library.passage_count)

    @app.get("/metrics", tags=["operation"], responses=FAULTS)
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
    raise NoModel(name, [model.id for model in known])


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
