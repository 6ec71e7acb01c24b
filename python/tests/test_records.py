"""Records have every field of the Rust structs; the page of the package lists every exception."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

import twinspire
from twinspire import _records


def test_records_have_every_field(db: twinspire.Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: set[str] = set()
    original = _records._made

    def strict(cls: Any, given: dict[str, Any]) -> Any:
        known = {field.name for field in dataclasses.fields(cls)}
        assert set(given) <= known, f"{cls.__name__} has no field for {set(given) - known}"
        made.add(cls.__name__)
        return original(cls, given)

    monkeypatch.setattr(_records, "_made", strict)
    db.generations("clip")
    db.publish_vectors("text", ["B01", "B02"], [[1.0, 0.0], [0.0, 1.0]])
    db.publish_fused("both", ["clip", "text"])
    db.lexical["words"] = {"fields": {"title": 1.0}}
    assert db.stats().lexical["words"].lexical["fields"] == {"title": 1.0}
    db.check()
    db.items.revisions("B01")
    db.audit("by-price", [{"price": n} for n in range(9)])
    db.embed_user("by-price", {"price": 1})
    hits = db.recall("clip", vector=[1.0, 0.0])
    hits.compare(hits)
    one, other = (db.recall_many("by-price", [{"price": 1}], k=1, offset=offset) for offset in (0, 1))
    one.compare(other)
    db.release("by-price", db.towers("by-price"), events=[], test=[{"user": "u", "item": "B01", "timestamp": 1}],
               users=[{"user_id": "u", "price": 1}], check_features="lenient")  # fmt: skip
    twinspire.model_limits()
    events = [{"user": f"u{n}", "item": f"B0{n % 2 + 1}", "timestamp": n} for n in range(8)]
    test = [{"user": f"u{n}", "item": "B02", "timestamp": 9} for n in range(8)]
    users = [{"user_id": f"u{n}", "price": n} for n in range(8)]
    db.evaluate("by-price", events=events, users=users, test=test, resamples=1)
    db.items.replace_all([{"id": "B01", "price": 1}], max_removed=1.0)
    (tmp_path / "more.jsonl").write_text('{"id": "B01", "price": 2}\n')
    db.items.import_file(tmp_path / "more.jsonl", replace=True)
    twinspire.push(db, tmp_path / "store")
    twinspire.heads(tmp_path / "store")
    with twinspire.follow(tmp_path / "store", tmp_path / "replica", interval=None) as follower:
        assert follower.lag.heads == 0
    path = db.path
    db.close()
    twinspire.repair(path)
    names = {name for name in twinspire.__all__ if dataclasses.is_dataclass(getattr(twinspire, name))}
    # `test_export` sees the self-test, and `test_shards` what shards come to.
    assert names - made == {"FileProblem", "Merged", "Progress", "SelfTest"}


def test_the_page_lists_every_exception() -> None:
    page = (Path(__file__).parents[2] / "docs" / "python.md").read_text()
    for name in twinspire.__all__:
        found = getattr(twinspire, name)
        if isinstance(found, type) and issubclass(found, Exception):
            assert f"`{name}`" in page, name
