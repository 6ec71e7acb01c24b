from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
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


def test_a_training_stops_with_the_best_epoch_and_continues_from_its_checkpoint(tmp_path: Path) -> None:
    data, checkpoint = shop(), tmp_path / "at"
    settings: dict[str, Any] = {"epochs": 300, "batch": 8, "patience": 300}
    whole = train.youtube(**data, **settings)

    def stop(progress: twinspire.Progress) -> Literal["keep_best"] | None:
        return "keep_best" if progress.loss is not None else None

    stopped = train.youtube(**data, **settings, checkpoint=str(checkpoint), progress=stop)
    assert stopped.report["stopped"] and not whole.report["stopped"]
    assert len(stopped.report["losses"]) < 300 and stopped.settings["checkpoint"] is None
    resumed = train.youtube(**data, **settings, checkpoint=str(checkpoint))
    assert resumed.report["losses"] == whole.report["losses"]
    assert resumed.towers.hash == whole.towers.hash
    with pytest.raises(twinspire.TrainError, match="of another training"):
        train.youtube(**data, **{**settings, "batch": 16}, checkpoint=str(checkpoint))


def test_events_of_several_files_and_of_a_directory_are_one_log(tmp_path: Path) -> None:
    data = shop()
    events, items = data["events"], data["items"]
    for day, part in enumerate([events[:40], events[40:]]):
        (tmp_path / f"day={day}").mkdir()
        (tmp_path / f"day={day}" / "part.jsonl").write_text("".join(json.dumps(event) + "\n" for event in part))
    files = sorted(tmp_path.glob("*/*.jsonl"))
    whole, of_files, of_directory = (
        train.youtube(items=items, events=given, **SMALL).towers.hash for given in (events, files, tmp_path)
    )
    assert whole == of_files == of_directory


def test_models_are_judged_beside_baselines(empty: twinspire.Database) -> None:
    data = shop()
    trained = train.youtube(**data, **SMALL)
    empty.items.put_many(data["items"])
    empty.publish("shop", trained.towers)
    logs: dict[str, Any] = {"events": data["events"], "users": data["users"]}
    with empty.pin() as state:
        report = empty.evaluate("shop", **logs, states={"then": (state, "shop")}, by="item.colour", k=[3, 10])
    assert (report.users, report.catalogue, report.primary) == (20, 24, "hit@10")
    assert [standing.name for standing in report.results[:2]] == ["shop", "then"]
    now, then = report.results[:2]
    assert now.metrics == then.metrics and not now.is_baseline and report.results[2].is_baseline
    estimate = now.metrics["ndcg@3"]
    assert estimate.low is not None and estimate.high is not None and estimate.low <= estimate.value <= estimate.high
    assert now.index is not None and now.index.of_exact["recall@3"].value == 1.0
    by = report.segments[-1]
    assert (by.by, by.of_items, sum(segment.count for segment in by.segments)) == ("item.colour", True, 20)
    assert "</html>" in report.html and report.standing("EASE").is_baseline
    # The last step of each user begins at 240.
    assert empty.evaluate("shop", **logs, split=240, resamples=1).users == 20
    given = empty.evaluate("shop", events=[], users=data["users"], test=data["events"], resamples=1)
    assert given.relevant == 100 and given.split == "given events"
    with pytest.raises(KeyError):
        report.standing("none")
    refused: list[tuple[dict[str, Any], str]] = [
        ({"split": "2030-01-01"}, "no held-out events"),
        ({"split": 0.9}, "split.latest is 0.9"),
        ({"metric": "auc"}, "there is no metric"),
        ({"by": "colour"}, "item.FIELD"),
    ]
    for wrong, says in refused:
        with pytest.raises(twinspire.TrainError, match=says):
            empty.evaluate("shop", **logs, **wrong)
    with pytest.raises(ValueError, match="argument 'split'"):
        empty.evaluate("shop", **logs, split="sometime")


def test_towers_below_a_baseline_are_warned_of() -> None:
    circle = [
        {"user": f"u{user}", "item": f"i{(user * 7 + step) % 60}", "timestamp": 60 * step + user}
        for user in range(40)
        for step in range(8)
    ]
    items = [{"id": f"i{n}"} for n in range(60)]
    before, test = twinspire.split_events(circle, ties="id")
    assert (len(before), len(test)) == (280, 40)
    settings: dict[str, Any] = {"epochs": 1, "patience": 1, "learning_rate": 1e-6, "dimension": 4}
    with pytest.warns(UserWarning, match="worse than transitions"):
        trained = train.youtube(items=items, events=before, **settings)
    assert trained.warning is not None and "transitions" in trained.warning


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_settings_are_chosen_by_validation() -> None:
    trained = train.youtube(**shop(), auto=5.0, dimension=8)
    auto = trained.report["auto"]
    assert len(auto["candidates"]) > 9 and auto["seconds"] == 5.0
    assert trained.settings == auto["settings"] and trained.settings["dimension"] == 8
    assert "Search for settings" in trained.to_html()
    with pytest.raises(TypeError, match="earlier"):
        train.youtube(items=[], events=[], auto=True, earlier=trained.towers)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_recipe_chooses_settings_and_does_so_if_none_is_given() -> None:
    data = shop()
    documents = [{"id": str(n), "title": f"{COLOURS[n % 4]} shoes. Fine {COLOURS[n % 4]} hats"} for n in range(24)]
    trained = [
        train.ebr(**data, auto=0.5, dimension=8),
        train.mobius(**data, teacher=["colour"], auto=0.5, part=4),
        train.dssm(items=documents, auto=0.5, dimension=8, buckets=256),
    ]
    assert all(of.report["auto"]["candidates"] for of in trained)
    assert trained[2].report["baselines"]["baselines"][0]["name"] == "BM25"
    tiny: dict[str, Any] = {"items": [{"id": "a"}, {"id": "b"}], "events": [{"user": "u", "item": "a", "timestamp": 1}] * 2}
    assert train.youtube(**tiny).report["auto"] is None
    with pytest.raises(twinspire.TrainError):
        train.youtube(**tiny, auto=True)
    assert train.youtube(**data, auto=False).report["auto"] is None


def test_documents_train_text_towers() -> None:
    documents = [{"id": str(n), "title": f"{COLOURS[n % 4]} shoes. Fine {COLOURS[n % 4]} shoes"} for n in range(16)]
    trained = train.dssm(items=documents, **SMALL)
    assert trained.towers.embed_items(documents[:2]).shape[0] == 2


def test_mined_negatives_and_earlier_towers(empty: twinspire.Database) -> None:
    data = shop()
    easy = train.ebr(**data, **SMALL).towers
    empty.items.put_many(data["items"])
    empty.publish("easy", easy)
    report = empty.training_report("easy", 1)
    assert report is not None and report["recipe"] == "ebr" and report["report"]["losses"]
    assert report["settings"]["dimension"] == easy.dimension
    with pytest.raises(twinspire.NotFoundError):
        empty.training_report("easy", 2)
    pairs = [
        {"user": {"user_id": event["user"], "likes": "red"}, "positive": event["item"]} for event in data["events"][:20]
    ]
    mined = empty.mine("easy", pairs, ranks=(2, 9), per_pair=2, check_features="lenient")
    hard = train.ebr(**data, **SMALL, mined=mined, earlier=easy).towers
    assert hard.hash != easy.hash


def test_pairs_are_dicts_frames_or_files_and_states_are_mined(db: twinspire.Database, tmp_path: Path) -> None:
    pairs = [{"user": {"price": price}, "positive": "B01"} for price in (11, 19)]
    frame, file = pa.Table.from_pylist(pairs), tmp_path / "pairs.jsonl"
    file.write_text("".join(f"{json.dumps(pair)}\n" for pair in pairs))
    with db.pin() as state:
        del db.items["B02"]
        mined = [list(state.mine("by-price", given, ranks=(1, 5))) for given in (pairs, frame, file, str(file))]
        with pytest.raises(TypeError, match="unexpected keyword argument 'rank'"):
            state.mine("by-price", pairs, rank=3)  # type: ignore[call-arg]
        with pytest.raises(ValueError, match="argument 'check_features'"):
            state.mine("by-price", pairs, check_features="never")  # type: ignore[arg-type]
    assert all(one == mined[0] for one in mined)
    assert [pair["negatives"][0]["id"] for pair in mined[0]] == ["B02", "B02"]
    assert [pair["negatives"] for pair in db.mine("by-price", pairs, ranks=(1, 5))] == [[], []]


def test_a_source_has_the_options_of_a_reader(empty: twinspire.Database, tmp_path: Path) -> None:
    data = shop()
    renamed = [{"visitor": one["user"], "sku": one["item"], "at": one["timestamp"]} for one in data["events"]]
    names: dict[str, Any] = {"user": "visitor", "item": "sku", "time": "at"}
    rows = [f"{one['visitor']};{one['sku']};{one['at']}" for one in renamed]
    (tmp_path / "log.txt").write_text("\n".join(["visitor;sku;at", *rows]))
    before = [
        twinspire.split_events(twinspire.Source(renamed, **names)),
        twinspire.split_events(twinspire.Source(pa.Table.from_pylist(renamed), **names)),
        twinspire.split_events(twinspire.Source(tmp_path / "log.txt", format="csv", delimiter=";", **names)),
    ]
    assert before[0] == before[1] == before[2] == twinspire.split_events(data["events"])
    products = [{"sku": item["id"], "colour": item["colour"], "secret": 1} for item in data["items"]]
    items = twinspire.Source(products, id="sku", drop=["secret"])
    trained = train.youtube(items=items, events=twinspire.Source(renamed, **names), **SMALL)
    read = {column["field"] for column in trained.report["data"]["columns"]}
    assert "colour" in read and "secret" not in read
    empty.items.put_many(twinspire.Source(pa.Table.from_pylist(products), id="sku"))
    first = empty.items["i0"]
    (tmp_path / "products.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in products))
    for source in (products, tmp_path / "products.jsonl"):
        empty.items.put_many(twinspire.Source(source, id="sku"))
        assert empty.items["i0"] == first == {"id": "i0", "colour": "red", "secret": 1} and len(empty.items) == 24
    assert repr(twinspire.Source("log.csv", user="who")) == "Source('log.csv')"
    with pytest.raises(TypeError, match="unexpected keyword argument 'users'"):
        twinspire.Source([], users="visitor")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="argument 'format'"):
        twinspire.Source([], format="xml")  # type: ignore[arg-type]
    with pytest.raises(twinspire.ReadError, match="visitor"):
        train.youtube(items=data["items"], events=twinspire.Source(tmp_path / "log.txt", format="csv", user="visitor"))


def test_towers_are_released_on_trial(db: twinspire.Database, price_towers: Path) -> None:
    users = [{"user_id": f"u{n}", "price": 11} for n in range(12)]
    test = [{"user": f"u{n}", "item": "B01", "timestamp": n} for n in range(12)]
    logs: dict[str, Any] = {"events": [], "test": test, "users": users, "check_features": "lenient"}
    stages: list[str] = []
    verdict = db.release("by-price", price_towers, **logs, progress=lambda p: stages.append(p.stage))
    assert verdict.kept and verdict.before is not None and verdict.before.metrics == verdict.after.metrics
    assert verdict.difference is not None and verdict.difference.value == 0.0 and verdict.after.metrics["hit@1"] == 1.0
    assert stages
    # Towers that look for items that are dearer by fifty.
    db.items.put_many({"id": f"dear{n}", "price": 60} for n in range(12))
    described = json.loads((price_towers / "tower.json").read_text())
    described["user"]["features"][0]["mean"] = -50.0
    worse = price_towers.with_name("worse")
    worse.mkdir()
    (worse / "tower.json").write_text(json.dumps(described))
    verdict = db.release("by-price", worse, **logs)
    assert not verdict.kept and verdict.after.metrics["hit@10"] == 0.0
    assert verdict.difference is not None and verdict.difference.value == -1.0
    assert db.release("by-price", worse, **logs, tolerance=1.0).kept
    db.rollback("by-price", to=2)
    with pytest.raises(twinspire.InvalidInputError, match="a trial needs 2 generations"):
        db.release("by-price", price_towers, **logs, retain=1)
    with pytest.raises(twinspire.TrainError):
        db.release("by-price", price_towers, events=test, test=[])
    assert db.pin().active_generation("by-price") == 2


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
