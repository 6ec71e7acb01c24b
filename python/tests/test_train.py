from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twinspire
from twinspire import train

COLOURS = ("red", "green", "blue", "black")


def shop() -> dict[str, Any]:
    """Users of a colour take items of that colour."""
    items = [{"id": f"i{n}", "colour": COLOURS[n % 4], "title": f"{COLOURS[n % 4]} shoes {n}"} for n in range(24)]
    users = [{"user_id": f"u{n}", "likes": COLOURS[n % 4]} for n in range(20)]
    events = [
        {"user": f"u{user}", "item": f"i{user % 4 + 4 * step}", "timestamp": 60 * step + user}
        for user in range(20)
        for step in range(5)
    ]
    return {"items": items, "users": users, "events": events}


SMALL: dict[str, Any] = {"epochs": 2, "batch": 32}


@pytest.mark.parametrize("recipe", ["youtube", "ebr", "mobius"])
def test_a_recipe_trains_towers_to_publish(empty: twinspire.Database, recipe: str) -> None:
    seen: list[twinspire.Progress] = []
    data = shop()
    trained = getattr(train, recipe)(**data, **SMALL, progress=lambda p: seen.append(p))
    assert trained.towers.dimension >= 8 and trained.settings["epochs"] == 2
    assert len(trained.report["losses"]) == 2 and trained.report["examples"] > 0
    assert seen and seen[-1].stage == "training" and seen[-1].loss is not None
    assert isinstance(trained, twinspire.Trained) and "epochs, loss" in repr(trained)
    assert "<html" in trained.to_html("A <shop>") and "A &lt;shop&gt;" in trained.to_html("A <shop>")
    empty.items.put_many(data["items"])
    empty.publish("shop", trained.towers)
    user = {"user_id": "u1", "likes": "green", "history": ["i1", "i5"]}
    assert len(empty.recall("shop", user=user, check_features="lenient")) == 10


def test_documents_train_text_towers() -> None:
    documents = [{"id": str(n), "title": f"{COLOURS[n % 4]} shoes. Fine {COLOURS[n % 4]} shoes"} for n in range(16)]
    trained = train.dssm(items=documents, **SMALL)
    assert trained.towers.embed_items(documents[:2]).shape[0] == 2


def test_mined_negatives_and_earlier_towers(empty: twinspire.Database) -> None:
    data = shop()
    easy = train.ebr(**data, **SMALL).towers
    empty.items.put_many(data["items"])
    empty.publish("easy", easy)
    pairs = [
        {"user": {"user_id": event["user"], "likes": "red"}, "positive": event["item"]} for event in data["events"][:20]
    ]
    mined = empty.mine("easy", pairs, ranks=(2, 9), per_pair=2, check_features="lenient")
    hard = train.ebr(**data, **SMALL, mined=mined, earlier=easy).towers
    assert hard.hash != easy.hash


def test_a_teacher_of_fields_or_towers() -> None:
    data = shop()
    assert train.mobius(**data, **SMALL, teacher=["colour"]).towers.dimension >= 8
    teacher = train.youtube(**data, **SMALL).towers
    assert train.mobius(**data, **SMALL, teacher=teacher).towers.dimension >= 8


def test_a_seed_decides_and_files_are_as_good_as_dicts(tmp_path: Path) -> None:
    data = shop()
    paths: dict[str, Any] = {}
    for name, records in data.items():
        paths[name] = tmp_path / f"{name}.jsonl"
        paths[name].write_text("".join(f"{json.dumps(record)}\n" for record in records))
    one, two = train.youtube(**data, **SMALL), train.youtube(**paths, **SMALL)
    user = [{"user_id": "u1", "likes": "green", "history": ["i1"]}]
    np.testing.assert_array_equal(one.towers.embed_users(user), two.towers.embed_users(user))


def test_wrong_settings_and_data_are_named() -> None:
    data = shop()
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"epoch": 3}, "unknown field `epoch`"),
        ({"epochs": 0}, "epochs is 0"),
        ({"dimension": "wide"}, "`dimension`"),
    ]
    for settings, message in wrong:
        with pytest.raises(twinspire.TrainError, match=message):
            train.youtube(**data, **settings)
    items = data["items"]
    with pytest.raises(twinspire.TrainError, match="no events"):
        train.youtube(items=items, events=[])
    with pytest.raises(twinspire.ReadError, match="events, line 1"):
        train.youtube(items=items, events=[{"user": "u"}])
    with pytest.raises(twinspire.StorageError):
        train.youtube(items=items, events=Path("nothing.csv"))
    with pytest.raises(twinspire.TrainError, match="id"):
        train.youtube(**data | {"events": [{"user": "x", "item": "y", "timestamp": 1}] * 5})
