"""Every page of the window in every width, light and dark: nothing scrolls sideways, axe finds nothing serious.

For docs/: PINCITE_SCREENSHOTS=docs python -m pytest tests/test_pictures.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.window import ask, browsed, in_browser, picture, settle, tab, window

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.slow

OBJECTIVES = "What are North Korea’s two diplomatic objectives?"
VETO = "What did Russia veto at the United Nations?"
WORLD_CUP = "Who won the 2022 World Cup?"
DRAFT = (
    "North Korea has supplied 7,000 containers to Russia. In late March of 2024 Russia vetoed a resolution of the "
    "United Nations Security Council. North Korea has sent 40 submarines to Russia. Kim Jong Un was born on Mars."
)
SIZES = [(1440, 900), (820, 1180), (390, 844)]
# Colours do not depend on the width: in the dark one width is looked at, and all where pictures are taken.
DARK = SIZES if os.environ.get("PINCITE_SCREENSHOTS") else SIZES[:1]
LOOKS = [(*size, False) for size in SIZES] + [(*size, True) for size in DARK]
GRAVE = {"serious", "critical"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with window(tmp_path_factory.mktemp("home")) as address:
        yield address


def grave(page: Page) -> list[str]:
    """What axe finds serious or critical, by rule and element."""
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:300]}"
        for rule in found
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]


@in_browser
@pytest.mark.parametrize(("width", "height", "dark"), LOOKS)
def test_every_page_fits_and_is_accessible(
    browser: BrowserContext, address: str, width: int, height: int, dark: bool
) -> None:
    shade = "dark" if dark else "light"
    wrong: list[str] = []

    def look(page: Page, name: str) -> None:
        page.mouse.move(1, 1)
        settle(page)
        if page.evaluate("document.documentElement.scrollWidth") != width:
            wrong.append(f"{name}: scrolls sideways")
        wrong.extend(f"{name}: {found}" for found in grave(page))
        picture(page, f"{name}-{width}-{shade}.png")

    with browsed(browser, address, width, height, dark=dark) as page:
        page.get_by_role("button", name=OBJECTIVES).wait_for()
        look(page, "welcome")
        ask(page, OBJECTIVES)
        page.locator("#chat a.chip").first.focus()
        page.locator("#peek").wait_for()
        wrong += grave(page)
        look(page, "answer")
        page.locator("#chat a.chip").first.click()
        page.locator("#reader mark").first.wait_for()
        look(page, "source")
        page.get_by_role("button", name="Back").click()
        ask(page, WORLD_CUP)
        if width < 900:
            page.locator("#chat .act.show").last.click()
        page.locator("#sources section").last.locator(".why-answer summary").click()
        page.locator("#sources section").last.locator(".why-answer h3").first.scroll_into_view_if_needed()
        look(page, "why")
        if width < 900:
            page.keyboard.press("Escape")
        look(page, "abstention")
        tab(page, "Library")
        page.locator("#documents .shelf").wait_for()
        look(page, "library")
        tab(page, "Check a draft")
        page.get_by_label("Text to check").fill(DRAFT)
        page.get_by_role("button", name="Check", exact=True).click()
        page.locator(".tally").wait_for(timeout=60_000)
        look(page, "draft")
        tab(page, "History")
        page.locator("#history .shelf li").first.wait_for()
        look(page, "history")
        tab(page, "Quality")
        page.frame_locator(".report").locator("svg").first.wait_for()
        look(page, "quality")
    assert wrong == []


@in_browser
def test_the_keyboard_alone_is_enough(browser: BrowserContext, address: str) -> None:
    with browsed(browser, address) as page:
        page.keyboard.type(VETO)  # the input has the focus when the page comes
        page.keyboard.press("Enter")
        page.locator("#sources mark").wait_for(timeout=60_000)
        page.get_by_role("button", name="Send").wait_for()
        for _ in range(60):
            page.keyboard.press("Shift+Tab")
            if page.evaluate("document.activeElement.matches('#chat a.chip')"):
                break
        page.keyboard.press("Enter")
        page.locator("#reader mark").wait_for()
        page.keyboard.press("Escape")
        page.locator("#sources mark").wait_for()


@in_browser
def test_what_comes_is_told_to_a_screen_reader_and_moves_nothing_that_stands(
    browser: BrowserContext, address: str
) -> None:
    with browsed(browser, address) as page:
        ask(page, VETO)
        log = page.locator("#chat [role=log]")
        assert log.get_attribute("aria-live") == "polite"
        before = page.locator("#chat .asked").first.bounding_box()
        box = page.locator("#box").bounding_box()
        page.evaluate(
            "window.moved = 0; new PerformanceObserver(list => { for (const shift of list.getEntries()) "
            "if (!shift.hadRecentInput) window.moved += shift.value; })"
            ".observe({type: 'layout-shift', buffered: false})"
        )
        ask(page, WORLD_CUP)
        page.wait_for_timeout(300)
        assert page.locator("#box").bounding_box() == box
        assert page.locator("#chat .asked").first.bounding_box() == before
        assert page.evaluate("window.moved") < 0.1
