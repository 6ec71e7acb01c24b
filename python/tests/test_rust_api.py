"""Every public method of the Rust API has a name in Python, or a reason for none."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import twinspire
from twinspire import Database, Field, Filter, Hits, Items, Pinned, Source, Towers, train

ROOT = Path(__file__).parents[2]

#: Where the public methods of Rust are that Python binds.
FILES = (
    "crates/import/src/options.rs",
    "crates/remote/src/collect.rs",
    "crates/remote/src/fetch.rs",
    "crates/remote/src/follower/*.rs",
    "crates/remote/src/head*.rs",
    "crates/remote/src/push/mod.rs",
    "crates/remote/src/remote.rs",
    "crates/towers/src/directory/towers.rs",
    "crates/towers/src/directory/user_context.rs",
    "crates/towers/src/encoder/text_towers.rs",
    "crates/towers/src/tower/model_limits.rs",
    "crates/train/src/*/auto.rs",
    "crates/train/src/*/train.rs",
    "src/database/*.rs",
    "src/ensemble/*.rs",
    "src/lexical/lexical.rs",
    "src/filter/field.rs",
    "src/filter/filter.rs",
    "src/recall/compare/comparison.rs",
    "src/recall/shard/*.rs",
    "src/train/*.rs",
)


def parameters(*calls: Callable[..., Any]) -> set[str]:
    return {name for call in calls for name in inspect.signature(call).parameters}


RECALL = parameters(Database.recall, Database.recall_many)
PUBLISH = parameters(Database.publish, Database.publish_vectors, Database.publish_fused)
FUSIONS = (twinspire.weighted, twinspire.cascade, twinspire.rank_fusion, twinspire.normalised, twinspire.quotas)

#: The names of Python for each type of Rust, and for each module with functions.
HOMES = {
    "BatchRecall": RECALL,
    "Cascade": parameters(twinspire.cascade),
    "Cases": parameters(Database.release),
    "Database": {*dir(Database), *dir(twinspire)},
    "Ensemble": set(dir(twinspire.Ensemble)),
    "Ensembles": set(dir(twinspire.Ensembles)),
    "Evaluation": parameters(Database.evaluate),
    "Export": parameters(Items.export_file),
    "Fetch": parameters(twinspire.fetch),
    "Fetched": set(dir(twinspire.Fetched)),
    "Filter": {*dir(Filter), *dir(twinspire)},
    "FilterField": set(dir(Field)),
    "Follow": parameters(twinspire.follow),
    "Follower": set(dir(twinspire.Follower)),
    "Head": set(dir(twinspire.Head)),
    "Hits": set(dir(Hits)),
    "Items": set(dir(Items)),
    "LexicalSpaces": set(dir(twinspire.LexicalSpaces)),
    "MinedPairs": set(dir(twinspire.MinedPairs)),
    "Miner": parameters(Database.mine),
    "ModelLimits": parameters(twinspire.set_model_limits),
    "OpenOptions": parameters(twinspire.open),
    "Pinned": set(dir(Pinned)),
    "Publish": PUBLISH,
    "Push": parameters(twinspire.push),
    "RankFusion": parameters(twinspire.rank_fusion),
    "ReadOptions": parameters(Source),
    "Recall": {*RECALL, *parameters(Database.top_of_shard), *dir(Database)},
    "Remote": set(dir(twinspire)),
    "Replacement": parameters(Items.replace_all, Items.import_file),
    "Rollback": parameters(Database.rollback),
    "ShardHits": set(dir(twinspire.ShardHits)),
    "ShardStatistics": parameters(Database.top_of_shard, twinspire.shard_statistics),
    "StreamRecall": RECALL,
    "TextTowers": {*parameters(Towers.text), *dir(Towers)},
    "Towers": set(dir(Towers)),
    "UserContext": parameters(Towers.embed_user_with),
    "WeightedSum": parameters(twinspire.weighted),
    "dssm": {*dir(train), *parameters(train.dssm)},
    "ebr": {*dir(train), *parameters(train.ebr)},
    "mobius": {*dir(train), *parameters(train.mobius)},
    "merge": set(dir(twinspire)),
    "model_limits": set(dir(twinspire)),
    "release": {*dir(Database), *dir(twinspire)},
    "youtube": {*dir(train), *parameters(train.youtube)},
}

#: Methods with another name in Python, which the type or the module has.
NAMES = {
    "BatchRecall.all_at_least": "min_score",
    "BatchRecall.top": "k",
    "BatchRecall.top_each": "on_error",
    "Cascade.stage": "stages",
    "Cascade.stage_at_least": "stages",
    "Cases.with_repeats": "repeats",
    "Database.audit_users": "audit",
    "Database.calibrate": "audit",
    "Database.calibrate_users": "audit",
    "Database.check_user_for": "check_user",
    "Database.check_with_progress": "check",
    "Database.collect": "gc",
    "Database.export": "items",
    "Database.garbage": "gc",
    "Database.open_read_only": "open",
    "Database.options": "open",
    "Ensemble.weights": "recipe",
    "Ensembles.define": "__setitem__",
    "Ensembles.list": "items",
    "Ensembles.remove": "__delitem__",
    "Evaluation.judge": "metric",
    "Evaluation.no_baselines": "baselines",
    "Evaluation.of": "names",
    "Evaluation.of_state": "states",
    "Evaluation.segment_by": "by",
    "Filter.and": "__and__",
    "Filter.not": "__invert__",
    "Filter.or": "__or__",
    "Follow.manual": "interval",
    "Follow.start": "path",
    "Follower.current": "db",
    "Follower.database": "db",
    "Items.contains": "__contains__",
    "Items.count": "__len__",
    "LexicalSpaces.define": "__setitem__",
    "LexicalSpaces.list": "items",
    "LexicalSpaces.remove": "__delitem__",
    "Miner.every_rank": "per_pair",
    "Miner.hard_positives_beyond": "hard_beyond",
    "Miner.only_hard_positives": "only_hard",
    "Miner.try_pairs": "pairs",
    "ModelLimits.with_memory": "memory",
    "ModelLimits.with_operations": "operations",
    "ModelLimits.with_time": "seconds",
    "OpenOptions.open": "path",
    "Publish.fuse": "members",
    "Publish.graph_builder": "graph",
    "Publish.try_vectors": "vectors",
    "Recall.all_at_least": "min_score",
    "Recall.at_least": "min_score",
    "Recall.fields": "records",
    "Recall.prepared_vector_in": "prepared_in",
    "Recall.top": "k",
    "Recall.user_in": "users_in",
    "Recall.users_from": "users",
    "Recall.vector_in": "vectors_in",
    "Remote.collect": "push",
    "Remote.create": "push",
    "Remote.push_directory": "push",
    "Replacement.finish": "items",
    "Replacement.put_many": "items",
    "ShardHits.from_bytes": "to_bytes",
    "ShardHits.is_empty": "__len__",
    "ShardStatistics.from_bytes": "statistics",
    "ShardStatistics.to_bytes": "statistics",
    "ShardStatistics.with_calibration": "calibrations",
    "StreamRecall.top": "k",
    "StreamRecall.top_each": "on_error",
    "UserContext.check": "check_features",
    "TextTowers.open": "text",
    "Towers.embed_item_shown": "embed_item",
    "Towers.embed_items_into": "embed_items",
    "Towers.embed_user_shown": "embed_user",
    "Towers.embed_users_into": "embed_users",
    "dssm.train": "dssm",
    "dssm.train_auto": "auto",
    "dssm.train_from": "earlier",
    "ebr.train": "ebr",
    "ebr.train_auto": "auto",
    "ebr.train_from": "earlier",
    "ebr.train_mined": "mined",
    "merge.merge": "merge_shards",
    "mobius.train": "mobius",
    "mobius.train_auto": "auto",
    "mobius.train_from": "earlier",
    "release.hold_out": "split_events",
    "youtube.train": "youtube",
    "youtube.train_auto": "auto",
    "youtube.train_from": "earlier",
}  # fmt: skip

FILES_OF_TOWERS = "the training state and the files of towers belong to the trainings"
DICTS = "its JSON is a dict in Python"

#: Methods, or all of a type or a module, that Python does without.
WITHOUT = {
    "BatchRecall.each": "`recall_many` of a part of the users does it",
    "Blend.*": "`weighted` and `cascade` are one line each",
    "BusinessWeight.*": DICTS,
    "Cases.check": "`release` does it first",
    "Cases.len": "counts no trial",
    "Comparison.*": "filters of `Comparison.items`",
    "Database.open_beside": "`follow` does it",
    "Diversity.*": DICTS,
    "Epoch.*": "`Follower.db` is its database, with its number",
    "Fetch.files": "for tests in Rust",
    "Follow.files": "for tests in Rust",
    "FollowState.*": "for the command; `Follower.lag` has it",
    "Lexical.*": DICTS,
    "Publish.database": "for extensions in Rust",
    "Publish.space": "for extensions in Rust",
    "Quotas.*": "the two constructors are the types of the values of `quotas`",
    "ReadOptions.lenient": "for options that several files share",
    "Remote.memory": "for tests in Rust",
    "Remote.name": "the address that was given",
    "Remote.with_store": "for clients in Rust",
    "Replacement.missing": "`import_file` asks it before it removes anything",
    "Towers.from_bytes": FILES_OF_TOWERS,
    "Towers.from_model": FILES_OF_TOWERS,
    "Towers.from_parts": FILES_OF_TOWERS,
    "Towers.frequency": FILES_OF_TOWERS,
    "Towers.model": FILES_OF_TOWERS,
    "Towers.of_generation": FILES_OF_TOWERS,
    "Towers.optimiser": FILES_OF_TOWERS,
    "Towers.parts": FILES_OF_TOWERS,
    "Towers.vectors_only": "`publish_vectors` makes them",
    "Towers.with_frequency": FILES_OF_TOWERS,
    "Towers.with_optimiser": FILES_OF_TOWERS,
    "Towers.with_report": FILES_OF_TOWERS,
    "dssm.queries": "`Trained.to_html` samples by it",
    "ebr.queries": "`Trained.to_html` samples by it",
    "mobius.queries": "`Trained.to_html` samples by it",
    "revenue.*": "`weighted` with `business` is one line",
    "youtube.queries": "`Trained.to_html` samples by it",
}

#: Constructors, and what runs a builder: in Python both are the call itself.
CALLS = {"new", "run"}


def methods() -> Iterator[tuple[str, str]]:
    """Type and method, or module and function, of all that is public."""
    for pattern in FILES:
        for path in sorted(ROOT.glob(pattern)):
            module = path.parent.name if pattern.startswith("crates/train") else path.stem
            owner = module
            for line in path.read_text(encoding="utf-8").splitlines():
                if impl := re.match(r"impl(?:<.*?>)? (?:.* for )?(\w+)", line):
                    owner = impl[1]
                elif found := re.match(r"( {4})?pub (?:const )?fn (\w+)", line):
                    yield owner if found[1] else module, found[2]


def test_every_method_of_rust_has_a_name_in_python() -> None:
    found = set(methods())
    assert len(found) > 150 and ("Recall", "recall_target") in found
    unused = {*NAMES, *WITHOUT, *(f"{owner}.*" for owner in HOMES)}
    lacking = []
    for owner, method in sorted(found):
        full = f"{owner}.{method}"
        unused -= {full, f"{owner}.*"}
        if method in CALLS or full in WITHOUT or f"{owner}.*" in WITHOUT:
            continue
        name = NAMES.get(full, method)
        names = HOMES.get(owner, set())
        # Python has `lt` as `__lt__`.
        if name not in names and f"__{name}__" not in names:
            lacking.append(full)
    assert lacking == [], "no name in Python"
    assert unused == set(), "no such method of Rust"
