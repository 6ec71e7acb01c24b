"""An embedded vector-recall database for two-tower recommenders: raw user features in, ranked items out.

One directory holds items, towers, embeddings and graphs. A query never mixes two versions of them.

>>> import twinspire
>>> db = twinspire.open(path)
>>> db.items.put_many([{"id": "B01", "title": "red shoes", "price": 12.5}, {"id": "B02", "title": "boots", "price": 80}])
2
>>> generation = db.publish("by-price", models / "price")
>>> [hit.id for hit in db.recall("by-price", user={"price": 15}, k=1)]
['B01']

Where to go
-----------
- `open` gives a `Database`; `Database.items` is a mapping from ids to records.
- `Towers` embed users and items. `twinspire.train` trains them from logs; `Database.publish` and
  `Database.publish_vectors` make them the active `Generation` of a space, and `Database.rollback` an earlier one.
- `Database.release` publishes on trial, and rolls back what recalls worse.
- `Database.recall` answers one query, `Database.recall_many` a frame of users, `Database.similar` an item. Answers are
  sequences and frames: ``polars.DataFrame(hits)``. `field` builds filters.
- `twinspire.export` makes towers of models that were trained elsewhere.
- `Database.ensembles` fuse several spaces: `weighted`, `cascade`, `rank_fusion`, `normalised`, `quotas`.
- `Database.lexical` are spaces of full text: BM25 over fields, alone or as members of ensembles.
- `Database.evaluate` judges models on held-out events, beside baselines and with confidence intervals.
- `merge_shards` merges what several databases with different items answer; `twinspire.ray` serves such shards on Ray.
- `Database.mine`, `Hits.compare`, `evaluate` and `Database.audit` look closer and improve a model.
- `push` writes a database to an object store as an epoch; `follow` serves the newest one elsewhere, `fetch` any one.
- Every exception is an `Error`, and says what failed, the offending value and what to do.

Calls that compute or wait let other threads run; ``asyncio.to_thread`` makes them asynchronous. The package serves one
process: after a fork, start with `spawn` or open in the child only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twinspire import train
from twinspire._ensembles import cascade, normalised, quotas, rank_fusion, weighted
from twinspire._errors import (
    CancelledError,
    ClosedError,
    ConflictError,
    CorruptError,
    EnsembleError,
    Error,
    ExportError,
    FeatureError,
    FilterError,
    ForkedError,
    InternalError,
    InvalidInputError,
    ItemError,
    LockedError,
    NotFoundError,
    PublishError,
    ReadError,
    ReadOnlyError,
    StorageError,
    TowersError,
    TrainError,
    UncertainError,
    UnsupportedError,
    VectorError,
)
from twinspire._records import (
    Calibration,
    CalibrationPoint,
    CalibrationSample,
    CheckReport,
    Collected,
    ComparedItem,
    ComparedRank,
    Comparison,
    ComparisonSummary,
    Difference,
    Embedded,
    EmbeddedFeature,
    Estimate,
    Evaluation,
    FileProblem,
    Generation,
    Head,
    HeadFile,
    HeadSpace,
    Imported,
    IndexReport,
    ItemRevision,
    Lag,
    LexicalStats,
    MeasuredRecall,
    Merged,
    ModelLimits,
    PairedDifference,
    Progress,
    Pushed,
    RankChange,
    RepairReport,
    Replaced,
    Segment,
    SegmentResult,
    Segmentation,
    SelfTest,
    SpaceStats,
    Standing,
    Stats,
    Trial,
    Verdict,
)
from twinspire._twinspire import (
    BatchHits,
    Database,
    Ensemble,
    Ensembles,
    Fetched,
    Field,
    Filter,
    Follower,
    Hit,
    Hits,
    ItemIterator,
    Items,
    LexicalSpaces,
    MinedPairs,
    Pinned,
    ShardHits,
    Source,
    Studio,
    Towers,
    Trained,
    __version__,
    evaluate,
    fetch,
    field,
    follow,
    heads,
    merge_shards,
    model_limits,
    open,
    push,
    repair,
    restore,
    set_model_limits,
    shard_statistics,
    split_events,
)

if TYPE_CHECKING:
    from twinspire import export
else:

    def __getattr__(name: str) -> object:
        # NumPy takes longer to import than all the rest, and the command does without it.
        if name == "export":
            from importlib import import_module

            return import_module("twinspire.export")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "BatchHits", "Calibration", "CalibrationPoint", "CalibrationSample", "CancelledError", "CheckReport", "ClosedError",
    "Collected", "ComparedItem", "ComparedRank", "Comparison", "ComparisonSummary", "ConflictError", "CorruptError",
    "Database", "Difference", "Embedded", "EmbeddedFeature", "Ensemble", "EnsembleError", "Ensembles", "Error",
    "Estimate", "Evaluation", "ExportError", "FeatureError", "Fetched", "Field", "FileProblem", "Filter", "FilterError",
    "Follower", "ForkedError", "Generation", "Head", "HeadFile", "HeadSpace", "Hit", "Hits", "Imported", "IndexReport",
    "InternalError", "InvalidInputError", "ItemError", "ItemIterator", "ItemRevision", "Items", "Lag", "LexicalSpaces", "LexicalStats",
    "LockedError", "MeasuredRecall", "Merged", "MinedPairs", "ModelLimits", "NotFoundError", "PairedDifference",
    "Pinned", "Progress", "PublishError", "Pushed", "RankChange", "ReadError", "ReadOnlyError", "RepairReport",
    "Replaced", "Segment", "SegmentResult", "Segmentation", "SelfTest", "ShardHits", "Source", "SpaceStats", "Standing",
    "Stats", "StorageError", "Studio", "Towers", "TowersError", "TrainError", "Trained", "Trial", "UncertainError",
    "UnsupportedError", "VectorError", "Verdict", "__version__", "cascade", "evaluate", "export", "fetch", "field",
    "follow", "heads", "merge_shards", "model_limits", "normalised", "open", "push", "quotas", "rank_fusion", "repair",
    "restore", "set_model_limits", "shard_statistics", "split_events", "train", "weighted",
]  # fmt: skip
