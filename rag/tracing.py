"""What LlamaIndex's engines over Pincite do, as OpenInference spans: the extra `tracing`.

https://github.com/Arize-ai/openinference
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rag.errors import SettingError

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider


@contextmanager
def traced(provider: TracerProvider | None = None, *, content: bool = False) -> Iterator[None]:
    """Meanwhile, spans go to `provider`, by default OpenTelemetry's own: queries, searches, and a model's calls.

    They say what took how long and what scores it got; questions, passages, prompts and answers are in them only with
    `content`. Raises SettingError if the extra is not installed.
    """
    try:
        from openinference.instrumentation import TraceConfig
        from openinference.instrumentation.llama_index import LlamaIndexInstrumentor
    except ModuleNotFoundError as error:
        raise SettingError("Tracing needs OpenInference. Install it with: pip install 'pincite[tracing]'") from error
    hidden = not content
    config = TraceConfig(
        hide_inputs=hidden,
        hide_outputs=hidden,
        hide_prompts=hidden,
        hide_choices=hidden,
        hide_retrieval_documents=hidden,
        hide_embeddings_text=hidden,
        hide_embeddings_vectors=True,
    )
    instrumentor = LlamaIndexInstrumentor()
    instrumentor.instrument(tracer_provider=provider, config=config)
    try:
        yield
    finally:
        instrumentor.uninstrument()
