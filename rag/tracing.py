"""What LlamaIndex's engines over Pincite do, as OpenInference spans: the extra `tracing`.

https://github.com/Arize-ai/openinference

OpenInference hides what it knows to be text. An error's message it does not, and a server's may repeat the prompt; so
without `content` only that passes which is known to be none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wrapt import ObjectProxy

from rag.errors import SettingError

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer, TracerProvider

_NO_TEXT = re.compile(
    r"openinference\.span\.kind|session\.id|user\.id|llm\.(?:model_name|provider|system|finish_reason|token_count\..*)|"
    r"embedding\.model_name|reranker\.(?:model_name|top_k)|"
    r"(?:retrieval|reranker)\.(?:input_|output_)?documents\.\d+\.document\.(?:id|score)"
)


@contextmanager
def traced(provider: TracerProvider | None = None, *, content: bool = False) -> Iterator[None]:
    """Meanwhile, spans go to `provider`, by default OpenTelemetry's own: queries, searches, and a model's calls.

    They say what took how long and what scores it got; questions, passages, prompts, answers and errors' messages are
    in them only with `content`. Raises SettingError if the extra is not installed, or LlamaIndex is traced already.
    """
    try:
        from openinference.instrumentation import TraceConfig
        from openinference.instrumentation.llama_index import LlamaIndexInstrumentor
        from opentelemetry.trace import get_tracer_provider
    except ModuleNotFoundError as error:
        raise SettingError("Tracing needs OpenInference. Install it with: pip install 'pincite[tracing]'") from error
    instrumentor = LlamaIndexInstrumentor()
    if instrumentor.is_instrumented_by_opentelemetry:
        raise SettingError("LlamaIndex is traced already. Leave that `traced()` first, or uninstrument it.")
    spans_go_to = provider or get_tracer_provider()
    instrumentor.instrument(
        tracer_provider=spans_go_to if content else _Provider(spans_go_to),
        config=TraceConfig(hide_embeddings_vectors=True),
    )
    try:
        yield
    finally:
        instrumentor.uninstrument()


class _Provider:
    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider

    def get_tracer(self, *name: Any, **options: Any) -> _Tracer:
        return _Tracer(self._provider.get_tracer(*name, **options))


class _Tracer:
    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def start_span(self, *, attributes: Mapping[str, Any] | None = None, **options: Any) -> _Span:
        kept = {name: value for name, value in (attributes or {}).items() if _NO_TEXT.fullmatch(name)}
        return _Span(self._tracer.start_span(attributes=kept, **options))


class _Span(ObjectProxy):  # type: ignore[type-arg]
    """Only what is known to be no text reaches the span."""

    def set_attribute(self, name: str, value: Any) -> None:
        if _NO_TEXT.fullmatch(name):
            self.__wrapped__.set_attribute(name, value)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        for name, value in attributes.items():
            self.set_attribute(name, value)

    def add_event(self, name: str, attributes: object = None, timestamp: int | None = None) -> None:
        self.__wrapped__.add_event(name, timestamp=timestamp)

    def record_exception(self, exception: BaseException, *_: object, **__: object) -> None:
        self.__wrapped__.add_event("exception", {"exception.type": type(exception).__qualname__})

    def set_status(self, status: Any, description: str | None = None) -> None:
        self.__wrapped__.set_status(getattr(status, "status_code", status))
