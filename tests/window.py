"""The window as `pincite chat` serves it, and a browser that uses it."""

from __future__ import annotations

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from index.library import SHIPPED_ARTICLES

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
# A test run in the background ignores Ctrl-C, and so would its children.
_CHAT = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from ui.terminal import main; main()"
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")


@contextmanager
def window(
    home: Path,
    environ: Mapping[str, str] = {},
    *,
    start: Sequence[str] = ("-c", _CHAT, "chat"),
    port_by: str = "GRADIO_SERVER_PORT",
) -> Iterator[str]:
    """The address of `pincite chat` with its library in `home`; ended by Ctrl-C, without a word of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "PINCITE_"))}
    server = subprocess.Popen(
        [sys.executable, *start],
        cwd=SHIPPED_ARTICLES.parent,
        env={
            **clean,
            "PINCITE_HOME": str(home),
            "GRADIO_TEMP_DIR": str(home / "arrivals"),
            port_by: str(port),
            **environ,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stdout
    line = server.stdout.readline()
    try:
        assert line == f"Pincite is at http://127.0.0.1:{port}  (Ctrl-C stops it)\n"
        yield f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGINT)
        rest, errors = server.communicate(timeout=30)
    errors = "".join(line for line in errors.splitlines(True) if not line.startswith("Error: Cannot keep feedback in "))
    assert (server.returncode, rest, errors) == (0, "", ""), f"{server.returncode} {rest}\n{errors}"


@contextmanager
def browsed(
    address: str, width: int = 1440, height: int = 900, *, dark: bool = False, path: str = ""
) -> Iterator[Page]:
    """The window in a browser; afterwards: no error was logged, and no request went to another host."""
    from playwright.sync_api import sync_playwright

    requests: list[str] = []
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(
            viewport={"width": width, "height": height},
            device_scale_factor=1,
            color_scheme="dark" if dark else "light",
            permissions=["clipboard-read", "clipboard-write"],
        )
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.goto(address + path)
        page.get_by_role("button", name="Send").wait_for()
        yield page
        browser.close()
    assert problems == [], problems
    assert [url for url in requests if not url.startswith((address, "data:", "blob:", "about:srcdoc"))] == []


def ask(page: Page, question: str) -> None:
    """Ask, and wait until the answer is whole and the input is free again."""
    page.get_by_label("Question").fill(question)
    page.keyboard.press("Enter")
    page.locator("#chat .asked", has_text=question).last.wait_for()
    page.get_by_role("button", name="Send").wait_for(timeout=60_000)


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def picture(page: Page, name: str) -> None:
    """For docs/: PINCITE_SCREENSHOTS=docs python -m pytest tests/test_pictures.py"""
    folder = os.environ.get("PINCITE_SCREENSHOTS")
    if folder:
        page.wait_for_timeout(1800)
        with Image.open(io.BytesIO(page.screenshot())) as image:
            image.convert("RGB").quantize(128).save(Path(folder, name), optimize=True)
