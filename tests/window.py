"""The window as `pincite chat` serves it, and a browser that uses it."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from evals.timing import environ_of, free_port
from tests.service import COMMAND, started

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --renderer-process-limit=1"
).split()
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")


@contextmanager
def window(
    home: Path,
    environ: Mapping[str, str] = {},
    *,
    start: Sequence[str] = ("-c", COMMAND, "chat"),
    port_by: str = "GRADIO_SERVER_PORT",
) -> Iterator[str]:
    """The address of `pincite chat` with its library in `home`; ended by Ctrl-C, without a word of its own."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    own = {"GRADIO_TEMP_DIR": str(home / "arrivals"), port_by: str(port)}
    says = f"Pincite is at {address}  (Ctrl-C stops it)\n"
    with started(start, environ_of(home, **{**own, **environ}), says, may_say="Error: Cannot keep feedback in "):
        yield address


@contextmanager
def browser_with_a_cache() -> Iterator[BrowserContext]:
    """Chromium with a profile of its own, as people have; its pages share what they have loaded and compiled."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, sync_playwright() as playwright:
        chromium = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=CHROMIUM,
            args=FLAGS,
            device_scale_factor=1,
            permissions=["clipboard-read", "clipboard-write"],
        )
        yield chromium
        chromium.close()


@contextmanager
def browsed(
    browser: BrowserContext, address: str, width: int = 1440, height: int = 900, *, dark: bool = False, path: str = ""
) -> Iterator[Page]:
    """The window in a browser; afterwards: no error was logged, and no request went to another host."""
    requests: list[str] = []
    problems: list[str] = []
    page = browser.new_page()
    try:
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="dark" if dark else "light")
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.goto(address + path)
        page.get_by_role("button", name="Send").wait_for()
        yield page
    finally:
        page.close()
    assert problems == [], problems
    assert [url for url in requests if not url.startswith((address, "data:", "blob:", "about:srcdoc"))] == []


def ask(page: Page, question: str) -> None:
    """Ask, and wait until the answer is whole and the input is free again."""
    page.get_by_label("Question").fill(question)
    page.keyboard.press("Enter")
    page.locator("#chat .asked", has_text=question).last.wait_for()
    page.get_by_role("button", name="Send").wait_for(timeout=60_000)


def settle(page: Page) -> None:
    """Wait until nothing fades or slides any more."""
    page.evaluate(
        "async () => { for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame); "
        "const ends = document.getAnimations().filter(a => a.effect.getComputedTiming().endTime !== Infinity); "
        "await Promise.allSettled(ends.map(a => a.finished)); }"
    )


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def picture(page: Page, name: str) -> None:
    """For docs/: PINCITE_SCREENSHOTS=docs python -m pytest tests/test_pictures.py"""
    folder = os.environ.get("PINCITE_SCREENSHOTS")
    if folder:
        page.wait_for_timeout(1800)
        with Image.open(io.BytesIO(page.screenshot())) as image:
            image.convert("RGB").quantize(128).save(Path(folder, name), optimize=True)
