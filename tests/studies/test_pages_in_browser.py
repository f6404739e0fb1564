"""The pages of a study as a reader opens them: on a phone, at a desk, on paper, with no network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = (
    "index.html",
    "pages/certifiante-2019/tables/index.html",
    "pages/certifiante-2019/tables/publics/infra-bac.html",
    "pages/certifiante-2019/tables/territoires/ze2010-9310.html",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        yield opened
        opened.close()


@pytest.fixture
def said() -> list[str]:
    return []


def opened(browser: Browser, file: Path, width: int, said: list[str]) -> Page:
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url))
    page.goto(file.as_uri())
    return page


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_pages_fit_the_screen_and_ask_for_nothing(
    browser: Browser, site: Path, name: str, width: int, said: list[str]
) -> None:
    page = opened(browser, site / name, width, said)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    outside = [text for text in said if not text.startswith(("file:", "data:"))]
    assert outside == []
    page.close()


def test_figures_stay_readable_on_a_phone(browser: Browser, site: Path, said: list[str]) -> None:
    page = opened(browser, site / PAGES[1], 390, said)
    widths = page.evaluate("[...document.querySelectorAll('figure img')].map(i => i.clientWidth)")
    assert len(widths) >= 4
    assert min(widths) >= 500
    page.close()


def test_what_to_remember_comes_first(browser: Browser, site: Path, said: list[str]) -> None:
    page = opened(browser, site / PAGES[1], 1280, said)
    headings = page.locator("main h2").all_inner_texts()
    assert "Ce qu’il faut retenir" in headings[0].replace("'", "’")
    assert page.locator("html").get_attribute("lang") == "fr"
    page.close()


def test_navigation_is_left_out_of_print(browser: Browser, site: Path, said: list[str]) -> None:
    page = opened(browser, site / PAGES[1], 1280, said)
    page.emulate_media(media="print")
    assert not page.locator(".site-header nav").is_visible()
    assert page.locator("main").is_visible()
    page.close()
