"""The page in a real browser: accessible, whole at every width, complete without scripts and in print.

Needs Chromium (the Debian package, or any that ``MU_BROWSER`` names). Where ``MU_BROWSER`` is set, nothing is skipped.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cards import ENTRIES, scorecard
from test_page import HOSTILE, hostile
from test_scorecard_rendering import decided, with_measured

from mu_conformance.scorecard.renders import html as page
from mu_conformance.scorecard.renders import html_methods

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

FAILED = with_measured(
    {
        ENTRIES[2].key: ("failed", decided(0.75, name="forget score")),
        ENTRIES[3].key: ("passed", decided(0.52)),
        ENTRIES[5].key: ("inconclusive", decided(0.61, name="forget score")),
    }
)
WAIVED = scorecard({ENTRIES[1].key: "waived", ENTRIES[3].key: "error", ENTRIES[4].key: None})
POWERLESS = dataclasses.replace(
    FAILED,
    suite={**FAILED.suite, "power": [{"scenario": "own/random-10%", "measure": "loss attack AUC", "separation": 2.1}]},
)
PAGES = {
    "failed": page.render(FAILED),
    "passed": page.render(scorecard()),
    "waived": page.render(WAIVED),
    "powerless": page.render(POWERLESS),
    "hostile": page.render(hostile(HOSTILE)),
    "long": page.render(hostile("x" * 5000)),
    "methods": html_methods.render([FAILED, scorecard(), WAIVED], ["a/index.html", None, None]),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    named = os.environ.get("MU_BROWSER")
    found = named or next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium is installed: install the package chromium, or name one in MU_BROWSER")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(params=PAGES)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    (tmp_path / "index.html").write_text(PAGES[request.param], encoding="utf-8")
    return (tmp_path / "index.html").as_uri()


def opened(browser: Any, address: str, **options: Any) -> tuple[Any, list[str]]:
    """Open a page; return it, and what the browser complains of."""
    made = browser.new_page(**options)
    complaints: list[str] = []
    made.on("console", lambda message: complaints.append(message.text))
    made.on("pageerror", lambda error: complaints.append(str(error)))
    made.on("request", lambda sent: complaints.append(sent.url) if sent.url != address else None)
    made.on("dialog", lambda dialog: complaints.append(dialog.message))
    made.goto(address)
    return made, complaints


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_inaccessible(browser, address, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    made, complaints = opened(browser, address, color_scheme=scheme)
    made.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    found = axe.Axe().run(made).response["violations"]
    made.close()
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == []
    assert complaints == []


@pytest.mark.parametrize("width", [320, 400, 768, 1400])
def test_nothing_is_cut_at_any_width(browser, address, width):
    made, _ = opened(browser, address, viewport={"width": width, "height": 900})
    made.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    wide = made.evaluate(
        "[...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > innerWidth + 1 &&"
        " !one.closest('.scroll')).map(one => one.outerHTML.slice(0, 120))"
    )
    made.close()
    assert wide == []


def test_it_is_complete_without_scripts_and_in_print(browser, tmp_path):
    (tmp_path / "index.html").write_text(PAGES["failed"], encoding="utf-8")
    made, complaints = opened(browser, (tmp_path / "index.html").as_uri(), java_script_enabled=False)
    assert made.locator("#filter").is_hidden()
    summary = made.locator("summary", has_text="privacy.membership-loss")
    plot = made.locator("details", has=summary).locator("svg").first
    assert not plot.is_visible()
    summary.click()
    assert plot.is_visible()
    summary.click()
    made.emulate_media(media="print")
    assert plot.bounding_box()["height"] == 60
    assert made.locator("nav").is_hidden()
    made.close()
    assert complaints == []


def test_filter_theme_and_sorting(browser, tmp_path):
    (tmp_path / "index.html").write_text(PAGES["failed"], encoding="utf-8")
    made, _ = opened(browser, (tmp_path / "index.html").as_uri(), color_scheme="light")
    shown = made.locator("[data-find]:visible")
    before = shown.count()
    made.fill("#filter", "membership")
    assert 0 < shown.count() < before
    made.fill("#filter", "")
    assert shown.count() == before
    colour = "getComputedStyle(document.body).backgroundColor"
    light = made.evaluate(colour)
    made.click("#theme")
    assert made.evaluate(colour) != light
    made.close()
    (tmp_path / "index.html").write_text(PAGES["methods"], encoding="utf-8")
    made, _ = opened(browser, (tmp_path / "index.html").as_uri())
    table = made.locator("table[data-sort]").first
    table.locator("th button").nth(1).click()
    assert table.locator("th").nth(1).get_attribute("aria-sort") == "ascending"
    made.close()


def test_the_scorecard_is_saved_from_it(browser, tmp_path):
    (tmp_path / "index.html").write_text(PAGES["failed"], encoding="utf-8")
    made, _ = opened(browser, (tmp_path / "index.html").as_uri(), accept_downloads=True)
    with made.expect_download() as download:
        made.click("a[download]")
    assert download.value.suggested_filename == "scorecard.json.gz"
    made.close()
