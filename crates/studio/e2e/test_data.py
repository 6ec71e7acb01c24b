"""Every page on MovieLens (`--movielens DIR`) and on the database of the quickstart (`--quickstart DIR`).

`cargo run --release --features train --example quickstart -- --keep DIR` makes the latter. Without its data a test is
skipped. `-s` prints the time of each page.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import HOME, Studio, Tab, command
from playwright.sync_api import Browser, expect

SPACE = "youtube"


@dataclass
class World:
    """A database of real or simulated data, and what is in it."""

    name: str
    studio: Studio
    items: str
    user: dict[str, object]
    colour: str
    search: str


def make_movielens(logs: Path, home: Path) -> Path:
    database = home / "movies.twin"
    if (home / "done").exists():
        return database
    home.mkdir(parents=True, exist_ok=True)
    recipe = {"method": "weighted", "spaces": {SPACE: 0.9, "titles": 0.1}, "missing": 0}
    for arguments in (
        ["train", "youtube", "--movielens", logs, "--no-auto", "--out", home / "first", "--quiet"],
        ["train", "youtube", "--movielens", logs, "--no-auto", "--patience", 2, "--out", home / "second", "--quiet"],
        ["import", database, logs, "--quiet"],
        ["publish", database, SPACE, home / "first", "--quiet"],
        ["publish", database, SPACE, home / "second", "--quiet"],
        ["lexical", database, "--define", "titles", json.dumps({"fields": {"title": 1}})],
        ["ensembles", database, "--define", "home", json.dumps(recipe)],
    ):
        subprocess.run([command(), *map(str, arguments)], check=True, capture_output=True)
    (home / "done").touch()
    return database


@pytest.fixture(scope="module", params=["movielens", "quickstart"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    name: str = request.param
    given = request.config.getoption(f"--{name}")
    if given is None:
        pytest.skip(f"with --{name} alone")
    if name == "movielens":
        studio = Studio(make_movielens(Path(given), HOME / "movielens"))
        yield World(name, studio, "1,682", {"user_id": "196", "history": ["50", "181"]}, "genres", "Toy Story")
    else:
        studio = Studio(Path(given) / "quickstart.twin")
        yield World(name, studio, "", {"history": []}, "", "")
    studio.stop()


@pytest.fixture
def tab(browser: Browser, world: World) -> Iterator[Tab]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(20_000)
    opened = Tab(context.new_page(), world.studio.url)
    yield opened
    context.close()
    assert not opened.errors, opened.errors
    assert not opened.foreign, opened.foreign


PAGES = {
    "overview": ("/", f"Space {SPACE}"),
    "recall": (f"/recall?from={SPACE}", "As a program"),
    "items": ("/items", "Items 1 to 50"),
    "compare": ("/compare", "Rank-biased overlap"),
    "map": (f"/map?space={SPACE}", "of the variance"),
    "map-neighbours": (f"/map?space={SPACE}&layout=neighbours", "laid out by neighbours"),
    "quality": (f"/quality?space={SPACE}", "Recall by beam width"),
    "training": (f"/training?space={SPACE}", "Mean loss"),
}


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("page", PAGES)
def test_each_page_shows_the_data(tab: Tab, world: World, page: str, width: int) -> None:
    path, text = PAGES[page]
    tab.page.set_viewport_size({"width": width, "height": 900})
    since = time.perf_counter()
    tab.page.goto(tab.url + path)
    expect(tab.page.get_by_text(text).first).to_be_visible()
    print(f"{world.name} {page}: {1e3 * (time.perf_counter() - since):.0f} ms")
    if page == "map-neighbours":
        layout = json.loads(urllib.request.urlopen(f"{tab.url}/api/map/neighbours?space={SPACE}").read())
        print(f"{world.name}: of the {layout['compared']} nearest neighbours {layout['neighbour_recall']:.3f} are preserved, "
              f"by components {layout['component_neighbour_recall']:.3f}")
    tab.page.wait_for_load_state("networkidle")
    tab.page.wait_for_timeout(1_000)
    tab.shot(f"{world.name}-{page}-{width}")
    assert not tab.is_wider_than_the_window()


def test_a_user_gets_items_and_an_item_has_neighbours(tab: Tab, world: World) -> None:
    page = tab.open(f"/recall?from={SPACE}&user={json.dumps(world.user)}")
    expect(page.get_by_text("items of the exact answer were found")).to_be_visible()
    first = page.locator("table").first.locator("tbody tr")
    expect(first).to_have_count(10)
    first.first.get_by_role("link").first.click()
    expect(page.get_by_text(re.compile("Neighbours in")).first).to_be_visible()
    expect(page.get_by_text("Revisions kept")).to_be_visible()
    tab.shot(f"{world.name}-item")


def test_a_film_is_found_by_its_title(tab: Tab, world: World) -> None:
    if not world.search:
        pytest.skip("of MovieLens alone")
    page = tab.open("/")
    expect(page.get_by_text(world.items).first).to_be_visible()
    page = tab.open(f"/items?search={world.search}")
    expect(page.get_by_text(world.search).first).to_be_visible()
    page = tab.open("/recall?from=home&user=" + json.dumps(world.user | {"query": "star wars"}))
    expect(page.get_by_text("Star Wars").first).to_be_visible()
    page = tab.open(f"/map?space={SPACE}&colour={world.colour}")
    expect(page.get_by_text("Drama").first).to_be_visible()
