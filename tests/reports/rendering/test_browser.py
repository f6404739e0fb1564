"""The sample page in a headless Chromium: widths, keyboard, without a script, on paper."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from pacte_eval.reports.rendering import render_project

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> str:
    out = tmp_path_factory.mktemp("browser") / "site"
    render_project(sample, out=out)
    return (out / "pages/publics/seniors.html").as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 390, "height": 844})
    opened.goto(address)
    yield opened
    opened.close()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_only_tables_scroll_sideways(browser: Browser, address: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    regions = page.locator(".table-region")
    assert regions.nth(1).evaluate("one => one.scrollWidth > one.clientWidth")
    assert regions.nth(1).get_attribute("tabindex") == "0"
    page.close()


def test_lines_are_of_readable_length_on_a_desk(browser: Browser, address: str) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(address)
    width = "one => one.getBoundingClientRect().width"
    main = page.locator("main").evaluate(width)
    size = page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")
    assert 65 < main / (size * 0.5) < 85  # half an em is about a character
    contents = page.locator("#TOC").bounding_box()
    assert contents is not None
    assert contents["x"] > main
    page.close()


def test_tabs_follow_the_keyboard(page: Page) -> None:
    tabs = page.get_by_role("tab")
    assert tabs.all_text_contents() == ["Lecture", "Définitions"]
    assert page.get_by_text("Un point est un point de pourcentage.").is_hidden()
    tabs.first.focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_text("Un point est un point de pourcentage.").is_visible()
    assert tabs.nth(1).get_attribute("aria-selected") == "true"
    assert page.get_by_text("Ce texte n’est que pour l’écran.").is_hidden()


def test_skip_link_comes_first(page: Page) -> None:
    page.keyboard.press("Tab")
    link = page.locator(":focus")
    assert link.text_content() == "Aller au contenu"
    box = link.bounding_box()
    assert box is not None
    assert box["y"] >= 0
    page.keyboard.press("Enter")
    assert page.locator(":focus").get_attribute("id") == "contenu"


def test_everything_is_read_without_a_script(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    for text in ("Ce texte n’est que pour l’écran.", "Un point est un point de pourcentage."):
        assert page.get_by_text(text).is_visible()
    assert page.get_by_role("heading", name="Définitions").is_visible()
    context.close()


def test_paper_shows_all_tabs_and_no_navigation(page: Page) -> None:
    page.emulate_media(media="print")
    assert page.get_by_text("Un point est un point de pourcentage.").is_visible()
    assert page.get_by_role("navigation").count() == 0
    assert page.get_by_text("Données synthétiques", exact=False).first.is_visible()


def test_no_request_leaves_the_file(browser: Browser, address: str) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    assert [url for url in asked if not url.startswith(("data:", address))] == []
    page.close()
