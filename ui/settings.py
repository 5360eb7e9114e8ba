"""The settings by name, read from the environment, or from a file .env in the folder where `pincite` is started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

SETTINGS = {
    "PINCITE_HOME": "where the default library lies",
    "PINCITE_EMBEDDING": "an OpenAI embedding model instead of the one that ships",
    "PINCITE_CHROMA_URL": "a Chroma server to use instead of Chroma in this process",
    "PINCITE_THRESHOLD": "the confidence from which a question counts as answered (0.35)",
    "OPENAI_API_KEY": "let OpenAI's model write the answers",
    "OPENAI_BASE_URL": "... or one of any server that speaks its protocol",
    "OPENAI_MODEL": "... by this name",
    "PINCITE_GGUF": "a model file to do so, run in this process (extra local-llm)",
    "PINCITE_CONTEXT": "the model's context in tokens (8192)",
    "PINCITE_UNSUPPORTED": "what becomes of its unsupported sentences: mark, strict (never shown), again",
    "PINCITE_AUTH": "who may use the chat window: name:password,... or open (ask only)",
    "PINCITE_HISTORY": "whether it keeps conversations: on, off (on, unless there is a PINCITE_AUTH)",
    "PINCITE_TOKENS": "who may ask by HTTP: name:token,... or name:token@tag (of documents tagged so)",
    "PINCITE_RATE": "how often each of them may, as 60/minute",
}
_OURS = "PINCITE_"
_READ = (_OURS, "OPENAI_", "GRADIO_SERVER_", "OTEL_", "OPENINFERENCE_")


def read_settings() -> None:
    """Put those of the file .env into the environment; what stands there already stays. Nothing but settings is set."""
    if not Path(".env").is_file():
        return
    from dotenv import dotenv_values

    for name, value in dotenv_values(".env").items():
        if value is not None and name.startswith(_READ):
            os.environ.setdefault(name, value)


def misspelt() -> Iterator[str]:
    """A line for each name in the environment that looks like a setting and is none."""
    known = {name.removeprefix(_OURS): name for name in SETTINGS if name.startswith(_OURS)}
    for name in sorted(name.removeprefix(_OURS) for name in os.environ if name.startswith(_OURS)):
        if name not in known:
            for near in get_close_matches(name, known, 1, 0.75):
                yield f"{_OURS}{name} is no setting, and is left aside. Did you mean {known[near]}?"
