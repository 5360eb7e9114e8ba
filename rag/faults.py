"""What can go wrong with a language model: whether to try again, and one line with its cause and its cure.

In no line stands a key, or anything of what was sent or received.
"""

from __future__ import annotations

import openai

from rag.errors import ModelError

_TRIES = 3
_FIRST_WAIT = 0.5  # seconds; twice as long before each further try
_CONTEXT_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})


def retry_in(error: Exception, tried: int) -> float | None:
    """After how many seconds to try again what failed with `error` after so many tries; None: never.

    What a further try cannot mend (no credit, a refused key, a bad request) is not tried again.
    """
    if tried >= _TRIES or not isinstance(error, openai.APIError) or error.code == "insufficient_quota":
        return None
    wait = _FIRST_WAIT * 2.0 ** (tried - 1)
    if isinstance(error, openai.RateLimitError):
        return max(wait, _retry_after(error))
    again = isinstance(error, (openai.APIConnectionError, openai.InternalServerError))
    return wait if again else None


def _retry_after(error: openai.APIStatusError) -> float:
    text = error.response.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else 0.0


def fault(error: Exception, name: str) -> str:
    """One line on what went wrong with the model of this name and what to do."""
    local = "or unset OPENAI_API_KEY and OPENAI_BASE_URL to answer without a model"
    if isinstance(error, ModelError):
        return str(error)
    if isinstance(error, openai.APIStatusError):
        return _status_fault(error, name, local)
    if isinstance(error, openai.APIConnectionError):
        return (
            f"Cannot reach the server of {name}. Check the network, OPENAI_BASE_URL and that the server runs, {local}."
        )
    if isinstance(error, openai.APIError):
        return f"The server of {name} reported an error while it answered. See its log, then ask again."
    if isinstance(error, ValueError):
        return no_chat_server(name, "sent what is no answer")
    return f"The connection to {name} broke ({type(error).__name__}). Ask again, {local}."


def _status_fault(error: openai.APIStatusError, name: str, local: str) -> str:
    status = error.status_code
    if error.code == "insufficient_quota":
        return f"The account of the key for {name} has no credit left. Add some, {local}."
    if error.code in _CONTEXT_CODES:
        return f"What is asked does not fit into {name}'s context. Set PINCITE_CONTEXT to its size in tokens."
    if status == 401:
        return f"The server refused the key for {name}. Set OPENAI_API_KEY to a valid one."
    if status == 403:
        return (
            f"The key for {name} does not allow to use it. Set OPENAI_API_KEY or OPENAI_MODEL to ones that go together."
        )
    if status == 404:
        return (
            f"The server has no model {name}, or OPENAI_BASE_URL is no chat server. Set OPENAI_MODEL to one it lists."
        )
    if status == 429:
        wait = _retry_after(error)
        when = f"in {wait:,.0f} seconds" if wait else "later"
        return f"The server of {name} has too many requests. Try again {when}, {local}."
    if 300 <= status < 400:
        return f"The server of {name} redirects, which is not followed. Set OPENAI_BASE_URL to where it leads."
    if status >= 500:
        return f"The server of {name} failed with status {status}. See its log or try again later, {local}."
    return f"The server of {name} refused the request with status {status}. See its log, {local}."


def no_chat_server(name: str, what: str) -> str:
    return f"The server of {name} {what}. Check OPENAI_BASE_URL: the address of a chat server mostly ends in /v1."
