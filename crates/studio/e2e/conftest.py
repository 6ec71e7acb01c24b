"""A running studio and a browser for each test; screenshots of every page."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import world
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[3]
HOME = ROOT / "target" / "studio-e2e"
SHOTS = HOME / "screenshots"


def command() -> Path:
    return Path(os.environ.get("TWINSPIRE", ROOT / "target" / "debug" / "twinspire")).absolute()


class Studio:
    """`twinspire studio`, as a process of its own."""

    def __init__(self, database: Path) -> None:
        self.database = database
        #: The number of items of a large database.
        self.items = 0
        arguments = [command(), "studio", database, "--port", "0", "--json"]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url: str = json.loads(self.process.stdout.readline())["url"].rstrip("/")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture(scope="session")
def database() -> Path:
    return world.make(command(), HOME / "world")


@pytest.fixture(scope="session")
def studio(database: Path) -> Iterator[Studio]:
    running = Studio(database)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.fail("no browser: install the distribution's package chromium, or name one with CHROMIUM")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


class Tab:
    """A page of the browser at the studio, which fails the test on any error of a script."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.errors: list[str] = []
        self.foreign: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: None if request.url.startswith(url) else self.foreign.append(request.url))
        page.on("dialog", lambda dialog: (self.errors.append("a dialog opened"), dialog.dismiss()))

    def open(self, path: str) -> Page:
        self.page.goto(self.url + path)
        self.page.wait_for_load_state("networkidle")
        return self.page

    def shot(self, name: str) -> None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)

    def is_wider_than_the_window(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > innerWidth"))


@pytest.fixture
def tab(browser: Browser, studio: Studio) -> Iterator[Tab]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(20_000)
    opened = Tab(context.new_page(), studio.url)
    yield opened
    # A request that the studio refuses is an error of the console, and tests of refusals expect them.
    errors = [error for error in opened.errors if "status of 4" not in error]
    context.close()
    assert not errors, errors
    assert not opened.foreign, opened.foreign


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--large", action="store_true", help="also test a large database")
    parser.addoption("--items", type=int, default=200_000, help="its number of items")
    parser.addoption("--movielens", metavar="DIR", help="also test MovieLens-100K, which this directory has")
    parser.addoption("--quickstart", metavar="DIR", help="also test the database that the example quickstart kept here")
