"""Every page, at every width and theme, with hostile records among the items."""

from __future__ import annotations

import json

import pytest
from conftest import Studio, Tab
from playwright.sync_api import Browser, expect
from world import FOREIGN, HOSTILE, REPORTS

USER = {"user_id": "u1", "history": ["B00010", "B00020"]}
PAGES = {
    "overview": ("/", "Space likes"),
    "recall": ("/recall?from=home&user=" + json.dumps(USER | {"query": "red shoes"}), "As a program"),
    "items": ("/items", "Items 1 to 50"),
    "item": ("/items?id=B00003", "Neighbours in"),
    "compare": ("/compare", "Rank-biased overlap"),
    "map": ("/map?space=likes", "of the variance"),
    "map-neighbours": ("/map?space=likes&layout=neighbours", "laid out by neighbours"),
    "quality": ("/quality?space=likes", "Recall by beam width"),
    "training": ("/training?space=likes", "Settings"),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1440])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_and_runs_nothing_of_the_records(
    browser: Browser, studio: Studio, name: str, width: int, theme: str
) -> None:
    path, text = PAGES[name]
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)  # type: ignore[arg-type]
    tab = Tab(context.new_page(), studio.url)
    page = tab.open(path)
    expect(page.get_by_text(text).first).to_be_visible()
    page.wait_for_timeout(200)
    tab.shot(f"{name}-{width}-{theme}")
    assert not tab.is_wider_than_the_window()
    assert "Twinspire Studio" in page.title()
    assert page.locator("main img, main b, main script").count() == 0
    assert not tab.errors, tab.errors
    assert not tab.foreign, tab.foreign
    context.close()


def test_the_navigation_changes_address_title_and_page(tab: Tab) -> None:
    page = tab.open("/")
    page.get_by_role("link", name="Items").click()
    expect(page.get_by_role("heading", name="Items", level=1)).to_be_visible()
    assert page.url.endswith("/items")
    page.go_back()
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()


def test_a_recall_is_made_from_the_form_and_kept_in_the_address(tab: Tab) -> None:
    page = tab.open("/recall?from=likes")
    expect(page.get_by_text("items of the exact answer were found")).to_be_visible()
    page.get_by_label("Items", exact=True).fill("5")
    page.get_by_label("history").fill("B00010, B00011")
    page.get_by_label("history").press("Control+Enter")
    expect(page.locator("table").first.locator("tbody tr")).to_have_count(5)
    assert "k=5" in page.url and "B00011" in page.url
    expect(page.get_by_text("twinspire.open(")).to_be_visible()
    page.get_by_role("tab", name="Shell").click()
    expect(page.get_by_text("twinspire recall")).to_be_visible()
    page.reload()
    expect(page.locator("table").first.locator("tbody tr")).to_have_count(5)


def test_a_filter_is_completed_and_its_error_is_marked(tab: Tab) -> None:
    page = tab.open("/recall?from=likes")
    box = page.get_by_role("combobox", name="Filter")
    box.click()
    box.press_sequentially("pri")
    page.locator(".suggest li", has_text="price").first.click()
    expect(box).to_have_value("price")
    box.press_sequentially(" < 30 and city = ")
    page.locator(".suggest li").first.click()
    box.press("Control+Enter")
    expect(page.get_by_text("Items that pass the filter")).to_be_visible()
    box.fill("prize < 30")
    box.press("Control+Enter")
    alert = page.get_by_role("alert").first
    expect(alert.locator("mark")).to_have_text("prize")
    expect(alert).to_contain_text("did you mean")
    tab.shot("filter-error")


def test_items_are_searched_filtered_and_paged(tab: Tab) -> None:
    page = tab.open("/items")
    page.get_by_label("Search", exact=True).fill("onerror")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_text("of 2", exact=False).first).to_be_visible()
    page.get_by_role("button", name="All items").click()
    page.get_by_role("combobox", name="Filter").fill("price < 20")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_text("among 600")).to_be_visible()
    tab.open("/items?offset=550")
    expect(page.get_by_text("Items 551 to 600")).to_be_visible()
    assert page.get_by_role("button", name="Later").is_disabled()
    tab.open("/items?search=zebra")
    expect(page.get_by_text("No item matches")).to_be_visible()


def test_a_hostile_item_has_a_page_of_its_own(tab: Tab) -> None:
    page = tab.open("/items?search=onerror")
    page.get_by_role("link", name=HOSTILE.replace("\u202e", "\\u202e"), exact=True).click()
    expect(page.get_by_text("Record", exact=True)).to_be_visible()
    assert "pwned" != page.title()
    page.get_by_role("link", name="Recall like this").first.click()
    expect(page.get_by_role("heading", name="How it was found")).to_be_visible()


def test_an_item_shows_what_changed_between_its_revisions(tab: Tab) -> None:
    page = tab.open("/items?id=B00007")
    expect(page.get_by_text("Revisions kept")).to_be_visible()
    newest = page.locator("table").first.locator("tbody tr").first
    expect(newest).to_contain_text("current")
    expect(newest.locator("ins").filter(has_text="1.5")).to_be_visible()
    expect(page.get_by_text("oldest that is stored")).to_be_visible()
    shots(tab, "revisions")
    page = tab.open("/items?id=gone")
    expect(page.get_by_text("The item is deleted")).to_be_visible()
    expect(page.locator("table").first.locator("tbody tr").first).to_contain_text("deleted")


def test_errors_are_told_in_words(tab: Tab) -> None:
    page = tab.open("/items?id=nope")
    expect(page.get_by_text("there is no item")).to_be_visible()
    tab.open("/recall?from=likes&user={")
    expect(page.get_by_text("cannot be read")).to_be_visible()
    tab.open("/recall?from=likes&similar=nope")
    expect(page.get_by_role("alert").first).to_contain_text("nope")


def test_two_generations_are_compared(tab: Tab) -> None:
    page = tab.open("/compare")
    expect(page.get_by_text("Rank-biased overlap").first).to_be_visible()
    page.get_by_role("tab", name="Items that moved").click()
    expect(page.get_by_role("columnheader", name="Entered")).to_be_visible()
    page.get_by_role("tab", name="All users").click()
    page.get_by_role("button", name="Show").first.click()
    expect(page.get_by_text("items in both")).to_be_visible()
    page.get_by_placeholder("name of the sample").fill("mine")
    page.get_by_role("button", name="Save").click()
    page.reload()
    expect(page.get_by_role("button", name="mine", exact=True)).to_be_visible()


def test_the_map_shows_records_neighbours_and_a_user(tab: Tab) -> None:
    page = tab.open("/map?space=likes&colour=city")
    plot = page.get_by_role("application")
    plot.focus()
    plot.press("Enter")
    expect(page.get_by_text("Chosen item")).to_be_visible()
    expect(page.get_by_role("heading", name="Neighbours")).to_be_visible()
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_text("is the user")).to_be_visible()
    area = plot.bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + area["width"] / 2, area["y"] + area["height"] / 2)
    page.mouse.wheel(0, -600)
    page.wait_for_timeout(300)
    tab.shot("map-user")


def test_the_map_is_laid_out_by_neighbours_on_request(tab: Tab) -> None:
    page = tab.open("/map?space=likes&colour=city")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_text("is the user")).to_be_visible()
    button = page.get_by_role("button", name="Lay out by neighbours")
    button.focus()
    button.press("Enter")
    expect(page.get_by_text("laid out by neighbours")).to_be_visible()
    assert "layout=neighbours" in page.url
    expect(page.get_by_text("Neighbours preserved")).to_be_visible()
    expect(page.get_by_text("weighted centroid of the hits")).to_be_visible()
    page.wait_for_timeout(1_200)
    tab.shot("map-laid-out")
    plot = page.get_by_role("application")
    plot.focus()
    plot.press("Enter")
    expect(page.get_by_text("Chosen item")).to_be_visible()
    page.get_by_role("button", name="Principal components").click()
    expect(page.get_by_text("of the variance")).to_be_visible()
    assert "layout" not in page.url
    page.go_back()
    expect(page.get_by_text("laid out by neighbours")).to_be_visible()


def test_every_control_is_reached_by_the_keyboard(tab: Tab) -> None:
    page = tab.open("/recall?from=likes")
    expect(page.get_by_role("heading", name="How it was found")).to_be_visible()
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement?.textContent?.slice(0, 20) || document.activeElement?.tagName"))
    assert {"Skip to content", "Recall"} <= seen


def shots(tab: Tab, name: str) -> None:
    """Pictures of a page as it is now, on a phone and on a desk; it must fit both."""
    for width in (360, 1440):
        tab.page.set_viewport_size({"width": width, "height": 900})
        tab.shot(f"{name}-{width}")
        assert not tab.is_wider_than_the_window()


def test_a_lexical_space_is_shown_recalled_from_and_explained(tab: Tab) -> None:
    page = tab.open("/")
    expect(page.get_by_text("Lexical space titles")).to_be_visible()
    page = tab.open("/recall?from=titles")
    page.get_by_role("textbox", name="query").fill("red shoes")
    page.get_by_role("textbox", name="query").press("Control+Enter")
    expect(page.get_by_role("cell", name="shoe", exact=True)).to_be_visible()
    first = page.locator("table").first.locator("tbody tr").first
    expect(first).to_contain_text("red shoes")
    shots(tab, "lexical")
    page = tab.open("/items?id=B00010")
    expect(page.get_by_text("the words that say most about the item")).to_be_visible()
    page = tab.open("/recall?from=both&user=" + json.dumps(USER | {"query": "red shoes"}))
    expect(page.get_by_role("cell", name="shoe", exact=True)).to_be_visible()


def test_a_check_is_started_from_the_page(tab: Tab) -> None:
    page = tab.open("/")
    page.get_by_role("button", name="Check every byte").click()
    expect(page.get_by_text("is as it was written")).to_be_visible()
    expect(page.get_by_role("button", name="Check again")).to_be_visible()
    shots(tab, "check")


def test_places_in_answers_are_shown_by_popularity(tab: Tab) -> None:
    page = tab.open("/quality?space=likes")
    page.get_by_label("How popular an item is").select_option("price")
    page.get_by_role("button", name="Answer them").click()
    expect(page.get_by_text("Places in answers, by tenth of the catalogue")).to_be_visible()
    expect(page.get_by_text("Items without price (cold start) take")).to_be_visible()
    shots(tab, "popularity")


def test_the_training_page_shows_what_the_towers_read(tab: Tab) -> None:
    page = tab.open("/training?space=likes")
    expect(page.get_by_role("heading", name="User tower")).to_be_visible()
    expect(page.get_by_role("heading", name="Item tower")).to_be_visible()
    reads = page.locator("section", has_text="User tower").last.locator("table").first
    expect(reads).to_contain_text("history")
    page.get_by_label("Space").select_option("words")
    page.wait_for_url("**space=words")
    expect(page.locator("section", has_text="User tower").last).to_contain_text("query")
    assert not tab.errors, tab.errors


def test_each_generation_shows_the_report_of_its_training(tab: Tab) -> None:
    page = tab.open("/training?space=likes")
    expect(page.get_by_text("youtube, generation 2")).to_be_visible()
    expect(page.get_by_role("img", name="Mean loss of each epoch")).to_be_visible()
    expect(page.get_by_text("Validation:")).to_be_visible()
    expect(page.get_by_role("row", name="these towers")).to_be_visible()
    expect(page.get_by_role("term").filter(has_text="seed")).to_be_visible()
    shots(tab, "training")
    page.get_by_label("Training of generation").select_option("1")
    expect(page.get_by_text("youtube, generation 1")).to_be_visible()
    assert "generation=1" in page.url


@pytest.mark.parametrize("generation", range(1, len(REPORTS) + 1))
def test_a_report_of_another_format_breaks_no_page(tab: Tab, generation: int) -> None:
    page = tab.open(f"/training?space={FOREIGN}&generation={generation}")
    expect(page.get_by_role("heading", name="User tower")).to_be_visible()
    expect(page.get_by_role("heading", name="Training", level=2)).to_be_visible()
    assert "∞" not in page.locator("main").inner_text()
    assert page.locator("main img, main b, main script").count() == 0
    assert not tab.errors, tab.errors
