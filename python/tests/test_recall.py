from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import twinspire

Matrix = npt.NDArray[np.float32]


def filled(path: Path, vectors: Matrix, metric: Any) -> twinspire.Database:
    """Items `i0`, `i1`, … with these vectors."""
    db = twinspire.open(path)
    db.items.put_many({"id": f"i{n}", "n": n, "even": n % 2 == 0} for n in range(len(vectors)))
    db.publish_vectors("v", [f"i{n}" for n in range(len(vectors))], vectors, metric=metric)
    return db


def scores_of(vectors: Matrix, query: Matrix, metric: str) -> Matrix:
    """Scores by NumPy, in double precision."""
    v, q = vectors.astype(np.float64), query.astype(np.float64)
    if metric == "cosine":
        v, q = v / np.linalg.norm(v, axis=1, keepdims=True), q / np.linalg.norm(q)
    scores = -((v - q) ** 2).sum(axis=1) if metric == "l2" else v @ q
    return scores.astype(np.float32)


@pytest.mark.parametrize("metric", ["cosine", "inner_product", "l2"])
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 200), dimension=st.integers(1, 40), k=st.integers(1, 30))
def test_exact_recall_is_brute_force(
    tmp_path_factory: pytest.TempPathFactory, metric: str, seed: int, count: int, dimension: int, k: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, dimension)).astype(np.float32)
    query = rng.normal(size=dimension).astype(np.float32)
    with filled(tmp_path_factory.mktemp("brute") / "db", vectors, metric) as db:
        hits = db.recall("v", vector=query, k=k, exact=True)
        some = db.recall("v", vector=query, k=k, exact=True, filter="even = true", exclude=["i0"])
        near = db.recall("v", vector=query, k=None, min_score=float(hits.scores[0]) - 0.5)
        stored = db.vectors("v", [f"i{n}" for n in range(count)])
    scores = scores_of(vectors, query, metric)
    expected = np.sort(scores)[::-1][:k]
    np.testing.assert_allclose(hits.scores, expected, rtol=1e-3, atol=1e-3)
    for hit in hits:
        assert hit.score == pytest.approx(scores[int(hit.id[1:])], rel=1e-3, abs=1e-3)
    passing = [n for n in range(count) if n % 2 == 0 and n != 0]
    assert len(some) == min(k, len(passing))
    np.testing.assert_allclose(some.scores, np.sort(scores[passing])[::-1][:k], rtol=1e-3, atol=1e-3)
    assert all(score >= hits.scores[0] - 0.5 - 1e-4 for score in near.scores)
    wanted = vectors / np.linalg.norm(vectors, axis=1, keepdims=True) if metric == "cosine" else vectors
    np.testing.assert_allclose(stored, wanted, rtol=1e-5, atol=1e-6)


def test_a_batch_answers_as_single_recalls(db: twinspire.Database) -> None:
    users = [{"price": price} for price in (11, 19, 100)]
    many = db.recall_many("by-price", users, k=2)
    assert len(many) == 3 and many.errors == {}
    assert [hits.ids for hits in many] == [db.recall("by-price", user=user, k=2).ids for user in users]
    assert many.ids.tolist() == [["B01", "B02"], ["B02", "B01"], ["B02", "B01"]]
    assert many.scores.dtype == np.float32 and many.scores.shape == (3, 2)
    assert many.counts.tolist() == [2, 2, 2]
    assert many[-1] == many[2]
    with pytest.raises(IndexError):
        many[3]
    seen = db.recall_many("by-price", users, k=2, exclude_each=[["B01"], [], ["B01", "B02"]])
    assert seen.ids.tolist() == [["B02", None], ["B02", "B01"], [None, None]]
    assert np.isnan(seen.scores[0, 1]) and seen.counts.tolist() == [1, 2, 0]
    assert repr(many) == "BatchHits(3 users, up to 2 hits each)"


def test_batches_are_compared(db: twinspire.Database) -> None:
    users = [{"price": 11}, {"price": 19}]
    one = db.recall_many("by-price", users, k=2)
    assert one.compare(one).same_order == 1.0 and one.compare(one).movers == []
    other = db.recall_many("by-price", [{"price": 11}, {"price": 11}], k=2)
    summary = one.compare(other)
    assert (summary.users, summary.same_first, summary.mean_overlap_share) == (2, 0.5, 1.0)
    assert [(mover.id, mover.rose, mover.fell) for mover in summary.movers] == [("B01", 1, 0), ("B02", 0, 1)]
    assert "B01" in str(summary) and "users=2" in repr(summary)
    kept = db.recall_many("by-price", [{"price": 11}, {"price": "cheap"}], k=2, on_error="keep")
    assert one.compare(kept).users == 1
    with pytest.raises(ValueError, match="1 users to compare with 2"):
        one.compare(db.recall_many("by-price", users[:1]))


def test_users_that_fail_fail_the_batch_or_keep_their_reason(db: twinspire.Database) -> None:
    users: list[dict[str, Any]] = [{"price": 11}, {"price": "cheap"}, {"price": 19}]
    with pytest.raises(twinspire.FeatureError, match="user 2 of the batch"):
        db.recall_many("by-price", users)
    many = db.recall_many("by-price", users, k=1, on_error="keep")
    assert many.ids.tolist() == [["B01"], [None], ["B02"]]
    assert list(many.errors) == [1] and isinstance(many.errors[1], twinspire.FeatureError)
    with pytest.raises(twinspire.FeatureError):
        many[1]


def test_users_that_are_read_while_others_are_answered(db: twinspire.Database) -> None:
    prices = [n % 40 for n in range(500)]
    many = db.recall_many("by-price", ({"price": price} for price in prices), k=2)
    assert [hits[0].id for hits in many] == ["B01" if price <= 15 else "B02" for price in prices]

    def users(last: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield from ({"price": price} for price in prices)
        yield last

    with pytest.raises(twinspire.FeatureError, match="user 501 of the batch"):
        db.recall_many("by-price", users({"price": "cheap"}))
    with pytest.raises(TypeError, match="field `price`: a value of type object"):
        db.recall_many("by-price", users({"price": object()}))
    with pytest.raises(ZeroDivisionError):
        db.recall_many("by-price", ({"price": 1 / (400 - n)} for n in range(500)))
    with pytest.raises(twinspire.NotFoundError):
        db.recall_many("nope", users({}))


def test_every_option_of_a_recall(db: twinspire.Database) -> None:
    query = [0.0, 1.0]
    assert db.recall("clip", vector=query, k=1, offset=1).ids == ["B01"]
    assert db.recall("clip", vector=query, filter=["price < 30", "price > 15"]).ids == ["B02"]
    assert db.recall("clip", vector=query, exclude=np.array(["B02"])).ids == ["B01"]
    assert db.recall("clip", vector=query, ef=50).ids == ["B02", "B01"]
    assert db.recall("clip", vector=query, k=None, min_score=0.5).ids == ["B02"]
    assert db.recall("clip", vector=query, k=1, records=True)[0].record == {"id": "B02", "price": 20}
    assert db.recall("clip", vector=query, k=1, records=["price"])[0].record == {"price": 20}
    assert db.recall("clip", vector=query, k=1)[0].record is None
    assert db.recall("clip", similar="B01").ids == ["B02"]
    promised = db.recall("clip", vector=query, recall_target=0.9)
    assert promised.promise is not None and "kind" in promised.promise
    explained = db.recall("clip", vector=query, explain=True, exact_ranks=True)
    assert explained.explain is not None and explained.explain["searches"][0]["space"] == "clip"
    assert [hit.ranks for hit in explained] == [{"clip": 1}, {"clip": 2}]
    assert explained.generation == 1 and explained.generations == {}
    assert db.recall("by-price", user={"price": 1, "other": 2}, check_features="lenient").ids == ["B01", "B02"]
    with pytest.raises(twinspire.FeatureError):
        db.recall("by-price", user={"price": 1, "other": 2}, check_features="strict")


def test_a_query_is_an_array_of_any_layout_or_a_sequence(db: twinspire.Database) -> None:
    vector = np.array([0.6, 0.8], dtype=np.float32)
    read_only = vector.copy()
    read_only.flags.writeable = False
    strided = np.repeat(vector, 2)[::2]
    assert not strided.flags.c_contiguous
    unaligned = np.frombuffer(b"-" + vector.tobytes(), dtype=np.float32, offset=1)
    assert not unaligned.flags.aligned
    expected = db.recall("clip", vector=vector, k=2)
    for query in (read_only, strided, unaligned, vector[::-1][::-1], vector.astype(">f4"), vector.astype(np.float64), [0.6, 0.8]):
        hits = db.recall("clip", vector=query, k=2)
        assert (hits.ids, hits.scores.tolist()) == (expected.ids, expected.scores.tolist())
    for wrong in (np.zeros((1, 2), dtype=np.float32), np.float32(1.0)):
        with pytest.raises((ValueError, twinspire.VectorError)):
            db.recall("clip", vector=wrong)


def test_wrong_arguments_are_named(db: twinspire.Database) -> None:
    cases: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({}, twinspire.InvalidInputError, "no query"),
        ({"vector": [1.0]}, twinspire.VectorError, "1 components"),
        ({"vector": [[1.0, 0.0]]}, ValueError, "argument 'vector': a vector of one dimension"),
        ({"vector": [1.0, 0.0], "similar": "B01"}, ValueError, "one of `user`, `vector` and `similar`"),
        ({"vector": [1.0, 0.0], "k": 0}, twinspire.InvalidInputError, "top 0"),
        ({"vector": [1.0, 0.0], "k": "ten"}, TypeError, "argument 'k'"),
        ({"vector": [1.0, 0.0], "k": -1}, ValueError, "argument 'k': a whole number of 0 or more expected, found -1"),
        ({"vector": [1.0, 0.0], "ef": 0}, twinspire.InvalidInputError, "beam width"),
        ({"vector": [1.0, 0.0], "recall_target": 2.0}, twinspire.InvalidInputError, "recall target 2"),
        ({"vector": [1.0, 0.0], "filter": "prize < 3"}, twinspire.FilterError, "did you mean `price`"),
        ({"vector": [1.0, 0.0], "exclude": "B01"}, TypeError, "argument 'exclude': an iterable of ids"),
        ({"vector": [1.0, 0.0], "top": 3}, TypeError, "unexpected keyword argument 'top'"),
        ({"vector": [1.0, 0.0], "check_features": "loose"}, ValueError, "'lenient' expected, found 'loose'"),
        ({"similar": "B09"}, twinspire.NotFoundError, "there is no item"),
    ]
    for arguments, error, message in cases:
        with pytest.raises(error, match=message):
            db.recall("clip", **arguments)
    with pytest.raises(twinspire.NotFoundError, match='no space or ensemble "nope"; there is by-price, clip'):
        db.recall("nope", vector=[1.0])


def test_hits_are_a_sequence(db: twinspire.Database) -> None:
    hits = db.recall("clip", vector=[0.0, 1.0], records=True)
    assert len(hits) == 2 and hits[-1] == hits[1] and hits[0] != hits[1]
    assert [hit.id for hit in hits[::-1]] == ["B01", "B02"]
    with pytest.raises(IndexError, match="hit 2 of 2"):
        hits[2]
    assert hits.to_dicts()[0]["record"] == {"id": "B02", "price": 20}
    assert repr(hits) == "Hits(B02 0.800, B01 0.000)"
    assert repr(hits[0]) == 'Hit("B02", 0.8000)'
    assert "<td>B02</td>" in hits._repr_html_()
    assert hits == db.recall("clip", vector=[0.0, 1.0], records=True)
    assert hits[0].channels == {}


def test_calls_return_what_they_say(db: twinspire.Database) -> None:
    hits = db.recall("clip", vector=[0.0, 1.0])
    db.ensembles["home"] = twinspire.weighted(["clip"])
    returned: list[tuple[object, type]] = [
        (db, twinspire.Database),
        (hits, twinspire.Hits),
        (hits[0], twinspire.Hit),
        (db.recall_many("by-price", [{"price": 1}]), twinspire.BatchHits),
        (db.pin(), twinspire.Pinned),
        (db.items, twinspire.Items),
        (iter(db.items), twinspire.ItemIterator),
        (db.ensembles, twinspire.Ensembles),
        (db.ensembles["home"], twinspire.Ensemble),
        (db.lexical, twinspire.LexicalSpaces),
        (db.towers("by-price"), twinspire.Towers),
        (db.mine("by-price", []), twinspire.MinedPairs),
        (db.stats(), twinspire.Stats),
    ]
    for value, kind in returned:
        assert type(value) is kind
        assert repr(value)


def test_a_comparison_shows_both_answers(db: twinspire.Database) -> None:
    one, other = (db.recall("clip", vector=query) for query in ([0.0, 1.0], [1.0, 0.0]))
    compared = one.compare(other)
    assert (compared.overlap, compared.depth, compared.items[0].rise) == (2, 2, -1)
    assert compared.items[0].first == twinspire.ComparedRank(rank=1, score=one[0].score)
    assert "B02" in str(compared)


def test_a_pinned_state_stays(db: twinspire.Database) -> None:
    with db.pin() as state:
        db.items.put({"id": "B03", "price": 15})
        db.publish_vectors("clip", ["B01", "B02", "B03"], [[0.0, 1.0], [1.0, 0.0], [0.7, 0.7]])
        query = [0.0, 1.0]
        assert state.recall("clip", vector=query, k=1).ids == ["B02"]
        assert db.recall("clip", vector=query, k=1).ids == ["B01"]
        assert state.similar("clip", "B01").ids == ["B02"]
        assert state.recall_many("by-price", [{"price": 15}]).ids.tolist() == [["B01", "B02"]]
        assert state.vectors("clip", ["B01"]).tolist() == [[1.0, 0.0]]
        assert state.active_generation("clip") == 1
        now = db.pin()
        assert now.active_generation("clip") == 2
        assert now.generation("clip", 1).recall("clip", vector=query, k=1).ids == ["B02"]
        assert "clip" in repr(state)
    state.close()
    assert repr(state) == "Pinned(closed)"
    with pytest.raises(twinspire.ClosedError):
        state.recall("clip", vector=[0.0, 1.0])
    with pytest.raises(twinspire.NotFoundError):
        now.generation("clip", 7)


def test_lexical_spaces_are_a_mapping(db: twinspire.Database) -> None:
    db.items.put_many([{"id": "W1", "title": "Running shoes", "price": 9}, {"id": "W2", "title": "A shoe rack", "price": 5}])
    db.lexical["words"] = {"fields": {"title": 2}}
    assert list(db.lexical) == ["words"] == db.lexical.keys() and len(db.lexical) == 1
    assert db.lexical["words"]["fields"] == {"title": 2.0} and db.lexical["words"]["language"] == "english"
    assert db.lexical.values() == [db.lexical["words"]] == [dict(db.lexical.items())["words"]]
    assert "words" in db.lexical and 3 not in db.lexical and "words: BM25" in repr(db.lexical)
    assert db.recall("words", text="shoes for running").ids == ["W1", "W2"]
    assert db.recall("words", user={"query": "racks"}, filter="price < 9").ids == ["W2"]
    assert db.pin().recall("words", text="racks").ids == ["W2"]
    many = db.recall_many("words", [{"query": "racks"}, {"query": "running"}])
    assert [hits.ids for hits in many] == [["W2"], ["W1"]]
    db.ensembles["both"] = twinspire.normalised({"words": 1, "by-price": 1}, by="z_score")
    hits = db.recall("both", user={"price": 5}, text="shoe")
    assert set(hits[0].channels) == {"by-price", "words"}
    db.lexical["words"] = {"fields": ["title"], "language": "none"}
    assert db.recall("words", text="shoe").ids == ["W2"]
    assert db.lexical.rollback("words") == 1 and db.lexical.rollback("words", to=2) == 2
    assert [kept["active"] for kept in db.lexical.generations("words")] == [False, True]
    with pytest.raises(twinspire.InvalidInputError, match="not a lexical space"):
        db.lexical["words"] = {"fields": ["title"], "boost": 2}
    with pytest.raises(twinspire.InvalidInputError, match="it has 0 fields"):
        db.lexical["words"] = {"fields": []}
    with pytest.raises(twinspire.InvalidInputError, match="used by both"):
        del db.lexical["words"]
    del db.ensembles["both"]
    del db.lexical["words"]
    assert db.lexical.get("words") is None and db.lexical.get("words", 3) == 3
    for wrong in (lambda: db.lexical["words"], lambda: db.lexical.__delitem__("words")):
        with pytest.raises(KeyError, match='no lexical space "words"'):
            wrong()


def test_ensembles_are_a_mapping(db: twinspire.Database) -> None:
    home = twinspire.weighted({"clip": 0.5, "by-price": 0.5}, missing=0.0)
    db.ensembles["home"] = home
    db.ensembles["steps"] = {"method": "cascade", "stages": [{"space": "clip", "take": 2}, {"space": "by-price", "take": 1}]}
    assert list(db.ensembles) == ["home", "steps"] == db.ensembles.keys()
    assert db.ensembles["home"] == home and home != db.ensembles["steps"]
    assert db.ensembles["steps"] == twinspire.cascade([("clip", 2), {"space": "by-price", "take": 1}])
    assert "home" in db.ensembles and 3 not in db.ensembles and len(db.ensembles) == 2
    assert dict(db.ensembles.items())["home"].recipe["spaces"] == {"by-price": 0.5, "clip": 0.5}
    assert [ensemble.method for ensemble in db.ensembles.values()] == ["weighted", "cascade"]
    hits = db.recall("home", user={"price": 10}, vectors_in={"clip": [0.0, 1.0]})
    assert set(hits[0].channels) == {"by-price", "clip"}
    assert hits.generations == {"by-price": 1, "clip": 1}
    same = db.recall("home", users_in={"by-price": {"price": 10}}, vectors_in={"clip": [0.0, 1.0]})
    assert same.ids == hits.ids
    assert "home: " in repr(db.ensembles)
    del db.ensembles["home"]
    assert db.ensembles.get("home") is None and db.ensembles.get("home", 3) == 3
    for wrong in (lambda: db.ensembles["home"], lambda: db.ensembles.__delitem__("home")):
        with pytest.raises(KeyError, match='no ensemble "home"; there is steps'):
            wrong()
    with pytest.raises(twinspire.EnsembleError, match="weight"):
        db.ensembles["bad"] = twinspire.weighted({"clip": -1.0})
    with pytest.raises(twinspire.EnsembleError, match="not a recipe"):
        db.ensembles["bad"] = {"method": "magic"}


def test_builders_of_ensembles() -> None:
    assert str(twinspire.rank_fusion(["a", "b"], k=10)) == str(twinspire.rank_fusion({"a": 1.0, "b": 1.0}, k=10))
    assert twinspire.normalised({"a": 1.0}, "min_max", depth=5).recipe["depth"] == 5
    assert twinspire.quotas([("a", 3), ("b", 1)]).spaces == ["a", "b"]
    business = twinspire.weighted(["a"], business={"field": "bid"}, diversity={"space": "a", "lambda": 0.5})
    assert business.recipe["business"]["field"] == "bid" and business.recipe["diversity"]["lambda"] == 0.5
    with pytest.raises(TypeError, match="found a string"):
        twinspire.weighted("a")
