"""How much a large report costs: `make bench-report`.

    100,000 exchanges   seconds and memory of `affidavit report`, and how large the page is
     10,000 exchanges   how large the page is, how long Chromium takes to open it and to search it

The records hold a run on the embedded sandbox, its invented requests repeated, so that claims are judged by all.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from affidavit.documents import load_catalog
from affidavit.exchange import Exchange
from affidavit.recorded import Recorded
from affidavit.recorder import RECORD, Recorder, read_run
from affidavit.session import Settings, run

BIG, PAGE = 100_000, 10_000
MEGABYTE = 1_000_000
NOTHING = ("kind", "version")

OPENED = """
const [page] = performance.getEntriesByType('navigation');
return page.loadEventEnd - page.startTime;
"""
SEARCHED = """
const done = arguments[0], form = document.querySelector('#claims form'), began = performance.now();
form.elements.text.value = 'message';
form.dispatchEvent(new Event('input'));
requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
"""
FOUND = """
const done = arguments[0], form = document.querySelector('.exchanges form'), began = performance.now();
form.elements.text.value = '429';
form.dispatchEvent(new Event('input'));
requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
"""


def main() -> int:
    """Print one line per number."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--provider", default="whatsapi")
    parser.add_argument("--big", type=int, default=BIG, help="exchanges of the large record")
    provider, big = (vars(parser.parse_args())[name] for name in ("provider", "big"))
    with TemporaryDirectory() as home:
        folder = Path(home)
        run(load_catalog(provider), Settings(), folder / "run", lambda *_: None)
        recorded = read_run(folder / "run" / RECORD)
        page = folder
        for count in (big, PAGE):
            record = written(recorded, count, folder / str(count))
            seconds, memory = reported(record)
            page = record.parent / "report.html"
            click.echo(
                f"{count:>8,} exchanges: report in {seconds:.1f} s and {memory / MEGABYTE:.0f} MB of memory; "
                f"record {record.stat().st_size / MEGABYTE:.0f} MB, page {page.stat().st_size / MEGABYTE:.1f} MB"
            )
        for line in browsed(page):
            click.echo(f"{'':>19} {line}")
    return 0


def written(recorded: Recorded, count: int, folder: Path) -> Path:
    """A record with so many exchanges."""
    path = folder / RECORD
    recorder = Recorder(path, {name: value for name, value in recorded.manifest.items() if name not in NOTHING})
    for exchange in islice(numbered(recorded), count):
        recorder.exchange(exchange)
    for source, reason in recorded.skipped.items():
        recorder.skip(source, reason)
    recorder.end(complete=True)
    return path


def numbered(recorded: Recorded) -> Iterator[Exchange]:
    """The exchanges of the run, then its invented ones over and over."""
    invented = [one for one in recorded.exchanges if one.source.startswith(("property/", "stateful"))]
    last = recorded.exchanges[-1]
    yield from recorded.exchanges
    for number, one in enumerate(cycle(invented), 1):
        seq = last.seq + number
        request = replace(one.request, url=renamed(one.request.url, seq), path=renamed(one.request.path, seq))
        answer = one.response and replace(one.response, body=renamed(one.response.body, seq))
        yield replace(one, seq=seq, at=last.at + number / 100, request=request, response=answer)


def renamed(text: str, seq: int) -> str:
    """The text with ids that no other exchange has."""
    return re.sub(r"[0-9a-f]{8}(?=[0-9a-f]{4})", f"{seq:08x}", text)


def reported(record: Path) -> tuple[float, float]:
    """Seconds, and the most bytes in memory, of a report in a process of its own."""
    measured = (
        "import resource, sys; from affidavit.cli import cli; cli(sys.argv[1:], standalone_mode=False); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    began = time.monotonic()
    called = subprocess.run(
        [sys.executable, "-c", measured, "report", str(record), "--format", "html"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return time.monotonic() - began, int(called.stdout.splitlines()[-1]) * 1024


def browsed(page: Path) -> Iterator[str]:
    """What a reader waits for, in Chromium."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        yield "not opened: there is no chromium and chromedriver; `make system-packages` installs them"
        return
    from selenium import webdriver  # noqa: PLC0415 - only where there is a browser
    from selenium.webdriver.chrome.service import Service  # noqa: PLC0415 - as above

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1000"):
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        browser.get(page.as_uri())
        opened = [browser.execute_script(OPENED)]
        for _ in range(2):
            browser.refresh()
            opened.append(browser.execute_script(OPENED))
        ask: Callable[[str], Any] = browser.execute_async_script
        browser.execute_script("document.querySelector('.exchanges').scrollIntoView()")
        yield f"opened in {sorted(opened)[1]:,.0f} ms (the middle of three)"
        yield f"claims searched in {ask(SEARCHED):,.0f} ms, exchanges in {ask(FOUND):,.0f} ms"
    finally:
        browser.quit()


if __name__ == "__main__":
    sys.exit(main())
