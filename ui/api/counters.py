"""What a server counts, in the format of Prometheus. Nothing of what was asked or answered stands in it."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from rag import Answer

FORMAT = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2)


class Counters:
    """Those of one process; where PROMETHEUS_MULTIPROC_DIR is set, of all that share it."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        shared = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        if shared:
            MultiProcessCollector(self._registry)  # type: ignore[no-untyped-call]
        registry = None if shared else self._registry
        self.requests = Counter(
            "pincite_requests", "Requests, by what they got.", ("method", "path", "status"), registry=registry
        )
        self.seconds = Histogram(
            "pincite_request_seconds", "Until an answer's last byte.", ("path",), buckets=_SECONDS, registry=registry
        )
        self.in_progress = Gauge(
            "pincite_requests_in_progress", "Being answered.", registry=registry, multiprocess_mode="livesum"
        )
        self._answers = Counter(
            "pincite_answers", "Questions, by what became of them.", ("outcome",), registry=registry
        )
        self._sentences = Counter(
            "pincite_sentences", "Sentences of answers, by their verdict.", ("verdict",), registry=registry
        )

    def count(self, answer: Answer) -> None:
        outcome = "cut" if answer.cut else "answered" if answer.answered else "not_in_library"
        self._answers.labels(outcome).inc()
        for sentence in answer.sentences:
            self._sentences.labels(sentence.verdict.value).inc()

    def text(self) -> bytes:
        return generate_latest(self._registry)
