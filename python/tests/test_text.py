"""Towers of encoders of text, with the encoders and the vectors of the tests in Rust."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import twinspire

ENCODERS = Path(__file__).parents[2] / "crates/towers/tests/fixtures/tokens"


@pytest.mark.parametrize("name", ["encoder-bert", "encoder-static"])
def test_an_encoder_embeds_queries_and_items(name: str, tmp_path: Path) -> None:
    towers = twinspire.Towers.text(ENCODERS / name)
    cases = json.loads((ENCODERS / name / "vectors.json").read_text(encoding="utf-8"))
    expected = np.array([case["mean"] for case in cases])
    queries = towers.embed_users({"query": case["text"]} for case in cases)
    items = towers.embed_items({"id": str(at), "text": case["text"]} for at, case in enumerate(cases))
    for vectors in (queries, items):
        np.testing.assert_allclose(vectors, expected, atol=1e-4)
    towers.save(tmp_path / "towers")
    assert twinspire.Towers.open(tmp_path / "towers").hash == towers.hash


def test_published_texts_are_recalled(tmp_path: Path) -> None:
    towers = twinspire.Towers.text(
        ENCODERS / "encoder-bert", fields=["title", "text"], query=["q"], max_tokens=12, name="titles"
    )
    assert towers.name == "titles"
    db = twinspire.open(tmp_path / "shop.twin")
    titles = ["red running shoes", "heat transfer", "the price of shoes", "boundary layer"]
    db.items.put_many([{"id": str(at), "title": title, "text": "for all"} for at, title in enumerate(titles)])
    db.publish("text", towers)
    for at, title in enumerate(titles):
        assert db.recall("text", user={"q": f"{title} for all"}, k=1).ids == [str(at)]


def test_a_corrupt_encoder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(twinspire.TowersError, match=r"tokenizer.json|model.safetensors"):
        twinspire.Towers.text(tmp_path)
