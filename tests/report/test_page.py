"""The HTML report in a real browser: found, opened, marked and printed, with no network and nobody's text obeyed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from affidavit.documents import load_catalog
from affidavit.report.html import html
from affidavit.report.runs import Run, read_runs
from affidavit.report_command import replay_of_record
from affidavit.session import Settings, run
from tests.report.samples import LONG_LINE, hostile_run, measured_run

CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
LACKING = not (CHROMIUM and DRIVER)
pytestmark = [
    pytest.mark.skipif(
        LACKING and os.environ.get("CI") != "true",
        reason="needs chromium and chromedriver: `make system-packages` installs them",
    ),
]


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Run:
    home = tmp_path_factory.mktemp("run")
    settings = Settings(examples=0, budget=200, deviations=("limit-one-refused",))
    run(load_catalog("chatmaid"), settings, home, lambda *_: None)
    [read] = read_runs([home], replay_of_record)
    return read


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    assert not LACKING, "CI must have chromium and chromedriver"
    from selenium import webdriver  # noqa: PLC0415 - only where there is a browser
    from selenium.webdriver.chrome.service import Service  # noqa: PLC0415 - as above

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    yield driver
    driver.quit()


class Page:
    """A report that is open, and the questions tests ask about it."""

    def __init__(self, driver: Any, path: Path) -> None:  # noqa: ANN401 - a driver of selenium
        self.driver = driver
        driver.get(path.as_uri())

    def ask(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - any JSON value
        """The value of an expression; `arguments` are there under this name."""
        return self.driver.execute_script(f"return {script}", *arguments)

    def wait_for(self, script: str) -> None:
        """Until the expression holds."""
        from selenium.webdriver.support.wait import WebDriverWait  # noqa: PLC0415 - only where a browser is

        WebDriverWait(self.driver, 20, 0.02).until(lambda _: self.ask(script))

    def press(self, *keys: str) -> None:
        """Keys, one after the other, wherever the focus is."""
        from selenium.webdriver.common.action_chains import ActionChains  # noqa: PLC0415 - only where a browser is

        ActionChains(self.driver).send_keys(*keys).perform()

    def shown(self) -> list[str]:
        """Ids of the claims that can be seen."""
        claims = "[...document.querySelectorAll('.claim')].filter(one => one.checkVisibility())"
        found: list[str] = self.ask(f"{claims}.map(one => one.querySelector('.id').textContent)")
        return found

    def choose(self, name: str, value: str) -> None:
        """Give a field of the claims' filters a value, as a person does."""
        self.ask(
            "(function (name, value) { const form = document.querySelector('#claims form');"
            " form.elements[name].value = value; form.dispatchEvent(new Event('input')); })(...arguments)",
            name,
            value,
        )

    def text(self, selector: str) -> str:
        """What a reader sees there."""
        return str(self.ask("document.querySelector(arguments[0]).innerText", selector))

    def focused(self) -> str:
        """Text, or name, of what has the focus."""
        return str(self.ask("document.activeElement.name || document.activeElement.innerText"))

    def problems(self) -> list[str]:
        """What the console says, and every address asked for."""
        console = [entry["message"] for entry in self.driver.get_log("browser")]
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = [one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"]
        return console + [url for url in asked if not url.startswith(("file:", "data:"))]


@pytest.fixture
def opened(browser: Any, faulty: Run, tmp_path: Path) -> Iterator[Page]:  # noqa: ANN401 - a driver of selenium
    """The report on a faulty run; at the end nothing was asked of anybody, and the console is silent."""
    path = tmp_path / "report.html"
    path.write_text(html([faulty, measured_run(faulty)]), "utf-8")
    page = Page(browser, path)
    yield page
    assert page.problems() == []


@pytest.fixture
def hostile(browser: Any, faulty: Run, tmp_path: Path) -> Iterator[Page]:  # noqa: ANN401 - a driver of selenium
    """The report on a run whose server put hostile text wherever it could."""
    path = tmp_path / "report.html"
    path.write_text(html([hostile_run(faulty)]), "utf-8")
    page = Page(browser, path)
    yield page
    assert page.problems() == []


def test_the_verdict_stands_first_and_the_broken_claim_is_open_with_its_proof(opened: Page) -> None:
    assert opened.text("h1").startswith("BROKEN 1 of ")
    assert opened.ask("document.querySelectorAll('.claim[open]').length") == 1
    said = opened.text(".claim[open]")
    assert "CM-074" in said
    assert "chatmaid_api_reference.txt:58" in said
    assert "GET http://127.0.0.1" in said
    assert "limit=1" in said
    assert '"statusCode": 400' in said
    assert "curl -sS -i" in said


def test_words_find_claims_and_every_filter_narrows(opened: Page) -> None:
    everything = opened.shown()
    assert opened.text("#claims output") == f"{len(everything)} of {len(everything)} claims"
    opened.choose("text", "  CM-074 ")
    assert opened.shown() == ["CM-074"]
    opened.choose("text", "smallest LIMIT")
    assert "CM-074" in opened.shown()
    opened.choose("text", "")
    for name in ("operation", "family", "priority"):
        value = opened.ask("document.querySelector('#claims form').elements[arguments[0]].options[1].value", name)
        opened.choose(name, value)
        chosen = opened.shown()
        assert 0 < len(chosen) < len(everything)
        assert opened.text("#claims output") == f"{len(chosen)} of {len(everything)} claims"
        opened.choose(name, "")
    opened.choose("provider", "chatmaid")
    assert opened.shown() == everything


def test_verdicts_can_be_left_out_and_an_empty_result_says_how_to_go_on(opened: Page) -> None:
    everything = opened.shown()
    opened.ask("document.querySelector('input[value=kept]').click()")
    assert "CM-074" in opened.shown()
    assert len(opened.shown()) < len(everything)
    opened.choose("text", "no claim says this")
    assert opened.shown() == []
    assert "No claim fits." in opened.text("#claims")
    opened.ask("document.querySelector('[data-clear]').click()")
    opened.ask("new Promise(done => setTimeout(done))")
    assert opened.shown() == everything
    assert opened.focused() == "text"


def test_everything_can_be_done_with_the_keyboard(opened: Page) -> None:
    from selenium.webdriver.common.keys import Keys  # noqa: PLC0415 - only where a browser is

    opened.press("/")
    assert opened.focused() == "text"
    opened.press("CM-00")
    found = opened.shown()
    assert found
    assert all(one.startswith("CM-00") for one in found)
    for _ in range(30):
        opened.press(Keys.TAB)
        if found[0] in opened.focused():
            break
    opened.press(Keys.ARROW_DOWN)
    assert found[1] in opened.focused()
    opened.press(Keys.ENTER)
    assert opened.ask("document.activeElement.parentElement.open")
    # What a claim holds is drawn once it has opened.
    opened.wait_for("document.activeElement.parentElement.querySelector('[aria-expanded]')")
    opened.press(Keys.TAB, Keys.ENTER)
    assert opened.ask("document.activeElement.getAttribute('aria-expanded')") == "true"
    assert opened.ask("document.activeElement.closest('.claim').querySelectorAll('.exchange').length") == 1
    opened.press("/", Keys.ESCAPE)
    assert len(opened.shown()) > len(found)


def test_the_list_of_exchanges_is_searched_and_paged_and_shows_each_whole(opened: Page) -> None:
    opened.ask("document.querySelector('.exchanges').scrollIntoView()")
    opened.ask("new Promise(done => setTimeout(done, 100))")
    rows = "document.querySelector('.exchanges').querySelectorAll('tr.row')"
    assert opened.ask(f"{rows}.length") == 100
    assert "All " in opened.text(".exchanges .note")
    opened.ask("document.querySelector('.pages button:last-child').click()")
    assert opened.ask(f"{rows}[0].querySelector('button').textContent") == "101"
    opened.ask(
        "(function () { const form = document.querySelector('.exchanges form'); form.elements.text.value = 'limit=1&';"
        " form.dispatchEvent(new Event('input')); })()"
    )
    assert 0 < opened.ask(f"{rows}.length") < 100
    opened.ask(f"{rows}[0].querySelector('button').click()")
    assert '"statusCode": 400' in opened.text(".exchanges tr.more")


def test_limits_and_load_are_drawn(opened: Page) -> None:
    titles = opened.ask("[...document.querySelectorAll('figcaption strong')].map(one => one.textContent)")
    assert titles == [
        "Recovery: requests admitted over time",
        "What was left: announced and foretold",
        "Latency",
        "Rate and 429 over time",
        "What was left of the limit",
        "End to end: delivered, seen by webhook",
    ]
    assert opened.ask("document.querySelectorAll('figure canvas').length") == len(titles)
    assert "14 of 14 answers are as the limiter" in opened.text("figure")
    assert opened.text(".latency").count("60.0") >= 2
    assert "1 load threshold not kept" in opened.text("h1")


def test_hostile_text_is_shown_as_text(hostile: Page) -> None:
    assert hostile.ask("document.title").startswith("Affidavit: ")
    assert hostile.ask("document.images.length") == 0
    assert hostile.ask("document.querySelectorAll('script:not([type])').length") == 1
    said = hostile.text(".claim[open]")
    assert "<img src=x onerror=" in said
    assert "[U+202E]" in said
    assert "[U+0000]" in said
    assert "{{ 7 * 7 }}" in said
    everything = hostile.ask("document.documentElement.textContent")
    assert not any(letter in everything for letter in "\u202e\x00\ud800")
    hostile.ask("document.querySelector('.exchanges').scrollIntoView()")
    hostile.ask("new Promise(done => setTimeout(done, 100))")
    assert "<img src=x onerror=" in hostile.text(".exchanges tbody")


def test_the_offending_part_is_marked(hostile: Page) -> None:
    marked = hostile.ask("document.querySelector('.claim[open] mark').textContent")
    assert marked.strip().startswith('"id": "</script><img')
    assert "\n" not in marked.strip()


def test_an_endless_line_is_cut_until_it_is_wanted(hostile: Page) -> None:
    last = "[...document.querySelectorAll('.claim[open] .half:last-child pre')].at(-1)"
    assert hostile.ask(f"{last}.textContent.length") < len(LONG_LINE) / 10
    assert "Show all 1,000,000 characters" in hostile.ask(f"{last}.textContent")
    hostile.ask(f"{last}.querySelector('button').click()")
    assert hostile.ask(f"{last}.textContent.length") == len(LONG_LINE)


def test_a_phone_shows_it_without_scrolling_sideways(opened: Page) -> None:
    size = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    opened.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        assert opened.ask("document.documentElement.scrollWidth") == 390
    finally:
        opened.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize(("scheme", "paper"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(20, 24, 27)")])
def test_it_is_light_or_dark_as_the_reader_has_it(opened: Page, scheme: str, paper: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    opened.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        assert opened.ask("getComputedStyle(document.body).backgroundColor") == paper
    finally:
        opened.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_on_paper_the_proof_is_there_and_what_only_a_screen_needs_is_not(opened: Page) -> None:
    opened.ask("document.querySelectorAll('.claim[open]').forEach(one => { one.open = false; })")
    opened.ask("window.dispatchEvent(new Event('beforeprint'))")
    opened.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert opened.ask("document.querySelector('.claim.broken .exchange').checkVisibility()")
        seen = opened.ask(
            "['nav', '.filters', '[data-copy]'].map(one => document.querySelector(one).checkVisibility())"
        )
        assert seen == [False, False, False]
    finally:
        opened.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
