"""A language model in a GGUF file, run in this process by llama.cpp's own server on loopback: the extra `local-llm`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rag.errors import SettingError


def serve(file: Path, context: int) -> Any:
    """The server of the model in `file`, with a context of so many tokens. It runs as long as it is held.

    Raises SettingError.
    """
    if not file.is_file():
        raise SettingError(f"PINCITE_GGUF names no file: {file}. Set it to the path of a .gguf file, or unset it.")
    try:
        import xllamacpp
    except ImportError:
        raise SettingError("PINCITE_GGUF needs llama.cpp. Install it with: pip install 'pincite[local-llm]'") from None
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(file)
    parameters.n_ctx = context
    parameters.n_parallel = 1
    parameters.verbosity = -1
    parameters.port = 0
    try:
        return xllamacpp.Server(parameters)
    except Exception as error:
        raise SettingError(
            f"llama.cpp cannot load {file}. Check that it is a whole GGUF file of a chat model."
        ) from error
