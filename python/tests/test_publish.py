from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twinspire


def test_generations_flip_and_roll_back(db: twinspire.Database, price_towers: Path) -> None:
    seen: list[twinspire.Progress] = []
    second = db.publish("by-price", twinspire.Towers.open(price_towers), progress=lambda p: seen.append(p))
    assert (second.number, second.active, second.items, second.dimension) == (2, True, 2, 1)
    assert seen and {progress.stage for progress in seen} <= {"embedding", "building", "auditing", "catching up"}
    assert [generation.number for generation in db.generations("by-price")] == [1, 2]
    back = db.rollback("by-price")
    assert back.number == 1 and back.created.year >= 2024
    assert db.rollback("by-price", 2).number == 2
    with pytest.raises(twinspire.NotFoundError, match="keeps no generation 7"):
        db.rollback("by-price", to=7)
    db.retain("by-price", 1)
    assert [generation.number for generation in db.generations("by-price")] == [2]
    assert "<td>2</td>" in second._repr_html_()
    assert db.spaces() == ["by-price", "clip"]


def test_vectors_of_any_layout_are_the_same(db: twinspire.Database) -> None:
    wanted = np.array([[0.25, 0.75], [0.5, -0.5]], dtype=np.float32)
    layouts: list[Any] = [
        wanted,
        np.asfortranarray(wanted),
        np.repeat(wanted, 2, axis=0)[::2],
        wanted.astype(np.float64),
        wanted.astype(np.float16),
        wanted.tolist(),
        wanted.astype(">f4"),
    ]
    for layout in layouts:
        db.publish_vectors("v", ["B01", "B02"], layout, metric="l2")
        assert db.vectors("v", ["B01", "B02"]).tolist() == wanted.tolist()
    read_only = wanted.copy()
    read_only.flags.writeable = False
    db.publish_vectors("v", np.array(["B01", "B02"]), read_only, metric="inner_product", storage="half")
    assert db.generations("v")[-1].storage.lower() == "half"
    assert db.vectors("v", []).shape == (0, 2)


def test_wrong_vectors_are_refused(db: twinspire.Database, price_towers: Path) -> None:
    eye = np.eye(2, dtype=np.float32)
    with pytest.raises(ValueError, match="1 ids for 2 vectors"):
        db.publish_vectors("v", ["B01"], eye)
    with pytest.raises(ValueError, match="a matrix with a row for each id"):
        db.publish_vectors("v", ["B01"], eye[0])
    with pytest.raises(twinspire.VectorError, match='item "B09" cannot be used: there is no such item'):
        db.publish_vectors("v", ["B01", "B09"], eye)
    with pytest.raises(twinspire.VectorError, match="B02"):
        db.publish_vectors("v", ["B01"], eye[:1])
    with pytest.raises(twinspire.VectorError):
        db.publish_vectors("v", ["B01", "B02"], eye * np.nan, metric="l2")
    with pytest.raises(ValueError, match="'l2' expected, found 'hamming'"):
        db.publish_vectors("v", ["B01", "B02"], eye, metric="hamming")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="leave `metric` out"):
        db.publish_vectors("v", ["B01", "B02"], eye, metric="l2", towers=price_towers)
    with pytest.raises(twinspire.PublishError, match="item tower"):
        db.publish_vectors("v", ["B01", "B02"], eye[:, :1], towers=price_towers)
    assert "v" not in db.spaces()


def test_items_that_fail_are_left_out_and_told(db: twinspire.Database, price_towers: Path) -> None:
    db.items.put_many([{"id": "B03", "price": 5}])
    left_out: list[twinspire.Error] = []
    generation = db.publish_vectors("v", ["B01", "B02"], np.eye(2), leave_out=left_out.append)
    assert generation.left_out == 1 and len(left_out) == 1 and "B03" in str(left_out[0])
    assert db.publish_vectors("v", ["B01"], [[1.0, 0.0]], leave_out=True).left_out == 2
    with pytest.raises(TypeError, match="a boolean or a callable"):
        db.publish_vectors("v", ["B01"], [[1.0, 0.0]], leave_out=3)  # type: ignore[arg-type]


def test_doubts_are_forced(db: twinspire.Database, tmp_path: Path) -> None:
    towers = tmp_path / "other"
    towers.mkdir()
    text = (tmp_path / "models" / "price" / "tower.json").read_text()
    (towers / "tower.json").write_text(text.replace('"field": "price"', '"field": "weight", "missing": "zero"'))
    db.items.put_many({"id": f"C{n}", "price": n} for n in range(50))
    with pytest.raises(twinspire.PublishError, match="force the publish"):
        db.publish("weight", towers)
    assert db.publish("weight", towers, force=True).number == 1


def test_fused_spaces_answer_weighted_ensembles(db: twinspire.Database) -> None:
    db.publish_vectors("text", ["B01", "B02"], [[1.0, 0.0], [0.0, 1.0]])
    fused = db.publish_fused("both", ["clip", "text"])
    assert fused.members == {"clip": 1, "text": 1} == db.members("both")
    assert db.members("clip") == {}
    db.ensembles["home"] = twinspire.weighted({"clip": 0.5, "text": 0.5}, fused="both")
    hits = db.recall("home", vectors_in={"clip": [0.0, 1.0], "text": [0.0, 1.0]})
    assert hits.ids == ["B02", "B01"]
    with pytest.raises(twinspire.EnsembleError):
        db.publish_fused("both", ["clip"])
    with pytest.raises(TypeError, match="unexpected keyword argument 'storage'"):
        db.publish_fused("both", ["clip", "text"], storage="half")  # type: ignore[call-arg]


def test_towers_embed_check_describe_and_save(price_towers: Path, tmp_path: Path) -> None:
    towers = twinspire.Towers.open(price_towers)
    assert (towers.name, towers.dimension, towers.metric, towers.parameters) == ("price", 1, "l2", 0)
    users: list[dict[str, Any]] = [{"price": 1.5}, {"price": 2}]
    assert towers.embed_users(users).tolist() == [[1.5], [2.0]]
    assert towers.embed_items([{"id": "a", "price": 3}]).tolist() == [[3.0]]
    assert towers.embed_users([]).shape == (0, 1)
    assert towers.check_user({"price": 1}) == []
    assert len(towers.check_user({"prise": 1})) == 2
    assert "price" in towers.describe()["user"]["features"][0]["fields"]
    with pytest.raises(twinspire.FeatureError, match='item "a" cannot be embedded'):
        towers.embed_items([{"id": "a", "price": "x"}])
    with pytest.raises(twinspire.FeatureError, match="user 1 of the batch"):
        towers.embed_users([{"price": 1}, {}])
    towers.save(tmp_path / "saved" / "price")
    again = twinspire.Towers.open(tmp_path / "saved" / "price")
    assert again.hash == towers.hash
    mixed = twinspire.Towers.combine(towers, again)
    assert mixed.embed_users(users).tolist() == [[1.5], [2.0]]
    with pytest.raises(twinspire.TowersError):
        twinspire.Towers.open(tmp_path / "nothing")


def test_features_are_checked_and_shown(db: twinspire.Database) -> None:
    assert db.check_user("by-price", {"price": 1}) == []
    assert db.check_user("by-price", {}) != []
    shown = db.embed_user("by-price", {"price": 7})["by-price"]
    assert shown.vector == [7.0] and shown.features[0].fields == ["price"] and shown.features[0].numbers == [7.0]
    assert db.embed_item("by-price", {"id": "new", "price": 3}).vector == [3.0]
    assert db.towers("by-price").embed_users([{"price": 7}]).tolist() == [[7.0]]


def test_mining_gives_negatives_and_ranks(db: twinspire.Database) -> None:
    db.items.put_many({"id": f"C{n:02}", "price": 2 * n + 1} for n in range(30))
    pairs = [{"user": {"price": 2 * n + 1}, "positive": f"C{n:02}", "known": ["C00"]} for n in range(1, 20)]
    mined = db.mine("by-price", pairs, ranks=(2, 10), per_pair=3)
    assert mined.generation == 1
    found = list(mined)
    assert [pair["positive"] for pair in found] == [pair["positive"] for pair in pairs]
    for pair in found:
        assert pair["positive_rank"] == 1 and not pair["hard_positive"]
        assert len(pair["negatives"]) == 3 and all(2 <= negative["rank"] <= 10 for negative in pair["negatives"])
        assert all(negative["id"] != "C00" for negative in pair["negatives"])
    every = next(iter(db.mine("by-price", pairs, ranks=(1, 4), per_pair=None, exact=True, filter="price < 5")))
    assert [negative["rank"] for negative in every["negatives"]] == [1, 2, 3, 4][: len(every["negatives"])]
    hard = db.mine("by-price", [{"user": {"price": 59}, "positive": "C01"}], ranks=(1, 3), hard_beyond=2, only_hard=True)
    assert [pair["hard_positive"] for pair in hard] == [True]
    skipping = db.mine("by-price", [{"user": {}, "positive": "C01"}, *pairs], ranks=(1, 3), skip_failures=True)
    assert len(list(skipping)) == len(pairs)
    assert len(skipping.skipped) == 1 and "pair 1" in str(skipping.skipped[0])
    with pytest.raises(twinspire.FeatureError, match="pair 1"):
        list(db.mine("by-price", [{"user": {}, "positive": "C01"}]))
    with pytest.raises(twinspire.InvalidInputError, match="rank range"):
        db.mine("by-price", pairs, ranks=(5, 1))
    with pytest.raises(twinspire.ReadError, match="line 1"):
        db.mine("by-price", [{"positive": "C01"}])


def test_evaluation_counts_ranks(db: twinspire.Database) -> None:
    users = [{"price": 11}, {"price": 12}, {"price": 19}]
    metrics = twinspire.evaluate(db, "by-price", users, ["B01", "B02", "B02"])
    assert metrics["hit@1"] == pytest.approx(2 / 3) and metrics["hit@10"] == 1.0
    seen = twinspire.evaluate(db, "by-price", users, ["B01", "B02", "B02"], exclude_each=[["B02"], ["B01"], ["B01"]])
    assert seen["hit@1"] == 1.0
    with pytest.raises(ValueError, match="1 items for 3 users"):
        twinspire.evaluate(db, "by-price", users, ["B01"])
    with pytest.raises(twinspire.FeatureError):
        twinspire.evaluate(db, "by-price", [{}], ["B01"])
