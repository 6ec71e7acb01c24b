"""Filters built by operators are those of text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import twinspire
from twinspire import Filter, field

PRICE, TAGS = field("price"), field("tags")


@pytest.mark.parametrize(
    ("built", "text"),
    [
        (PRICE < 30, "price < 30"),
        (PRICE <= 30.5, "price <= 30.5"),
        (PRICE > np.int32(3), "price > 3"),
        (PRICE >= 2**63, "price >= 9223372036854775808"),
        (PRICE == True, "price = true"),
        (field("seller.city") != "O'Hare", "seller.city != 'O''Hare'"),
        (PRICE.between(1, 5), "price between 1 and 5"),
        (PRICE.one_of([1, 2]), "price in (1, 2)"),
        (TAGS.has("red"), "tags has 'red'"),
        (TAGS.has_any(["red", "blue"]), "tags has any ('red', 'blue')"),
        (TAGS.has_all(("red", "blue")), "tags has all ('red', 'blue')"),
        (field("title").starts_with("re"), "title starts with 're'"),
        (PRICE.is_null(), "price is null"),
        (PRICE.is_not_null(), "price is not null"),
        (field("shop").within(47.6, -122.3, 5), "within(shop, 47.6, -122.3, 5)"),
        ((PRICE < 3) & (PRICE > 1) & "tags has 'red'", "price < 3 and price > 1 and tags has 'red'"),
        ((PRICE < 3) | TAGS.has("red"), "price < 3 or tags has 'red'"),
        ("price > 1" & (PRICE < 3), "price > 1 and price < 3"),
        ("price > 1" | (PRICE < 3), "price > 1 or price < 3"),
        (~(PRICE < 3), "not (price < 3)"),
        (Filter.all([PRICE < 3, "price > 1"]), "price < 3 and price > 1"),
        (Filter.any(["price < 3", PRICE > 1]), "price < 3 or price > 1"),
        (field("at") >= dt.datetime(1970, 1, 2, tzinfo=dt.timezone.utc), "at >= 86400"),
    ],
)
def test_a_filter_of_operators_is_that_of_its_text(built: Filter, text: str) -> None:
    assert built == Filter.parse(text), str(built)
    assert Filter.parse(str(built)) == built
    assert eval(repr(built), {"Filter": Filter.parse}) == built


@given(st.text(max_size=20))
def test_any_text_is_a_value(text: str) -> None:
    built = field("title") == text
    assert Filter.parse(str(built)) == built


def test_filters_are_taken_wherever_texts_are(db: twinspire.Database) -> None:
    dear = PRICE > 15
    query = [1.0, 0.0]
    assert db.recall("clip", vector=query, filter=dear).ids == ["B02"]
    assert db.recall("clip", vector=query, filter=[dear, "price < 20"]).ids == []
    assert db.similar("clip", "B01", filter=dear).ids == ["B02"]
    assert db.recall_many("by-price", [{"price": 1}], filter=~dear).ids.tolist() == [["B01"]]
    pairs = [{"user": {"price": 15}, "positive": "B01"}]
    [mined] = db.mine("by-price", pairs, ranks=(1, 5), filter=dear)
    assert [negative["id"] for negative in mined["negatives"]] == ["B02"]
    assert db.items.count_where(dear) == 1 == db.items.delete_where(dear)


def test_what_is_no_filter_is_refused(db: twinspire.Database) -> None:
    refused: list[tuple[Callable[[], object], type[Exception], str]] = [
        (lambda: bool(PRICE < 3), TypeError, "neither true nor false"),
        (lambda: PRICE < [3], ValueError, r"a boolean, a number, a text or a time expected, found \[3\]"),
        (lambda: PRICE == None, ValueError, "found None"),  # noqa: E711
        (lambda: PRICE < object(), TypeError, "object cannot be stored"),
        (lambda: TAGS.has_any("red"), TypeError, "found a string"),
        (lambda: (PRICE < 3) & 5, TypeError, "a filter or its text expected, found int"),  # type: ignore[operator]
        (lambda: Filter.parse("price <"), twinspire.FilterError, "price <"),
        (lambda: db.recall("clip", vector=[1.0, 0.0], filter=3), TypeError, "argument 'filter'"),  # type: ignore[arg-type]
        (lambda: db.items.count_where((PRICE < 3) & "price <"), twinspire.FilterError, "price <"),
        (lambda: db.items.count_where(field("colour") == "red"), twinspire.FilterError, "colour"),
    ]
    for call, error, says in refused:
        with pytest.raises(error, match=says):
            call()
