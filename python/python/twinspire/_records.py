"""What calls return: frozen records, whose fields are those of the Rust structs of the same subject."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Progress:
    """Progress of a long call."""

    stage: str
    """What is done now, such as ``'embedding'``."""
    done: int
    """Items, batches or bytes done."""
    total: int
    """All of them; 0 if that is not known."""
    loss: float | None = None
    """The mean loss of this epoch of a training."""


@dataclass(frozen=True)
class MeasuredRecall:
    """What was measured for a search: a share of the exact answer."""

    recall: float
    lower: float
    """Lower confidence bound of the recall."""
    confidence: float
    kind: str
    """``'near'``, ``'far'`` and ``'crowd'`` are synthetic queries, ``'made_up_user'`` synthetic users, ``'asked'`` a
    sample of real queries, ``'given'`` users."""
    queries: int


@dataclass(frozen=True)
class CalibrationPoint:
    """Recall at one beam width."""

    ef: int
    recall_at_1: float
    recall_at_10: float
    recall_at_100: float
    lower_at_1: float
    lower_at_10: float
    lower_at_100: float


@dataclass(frozen=True)
class CalibrationSample:
    """Recall by beam width, measured with one kind of query."""

    kind: str
    vectors: int
    queries: int
    left_out: int
    best_score: float
    hundredth_score: float
    points: list[CalibrationPoint]


@dataclass(frozen=True)
class Calibration:
    """Recall of a space by beam width, measured with several kinds of queries."""

    near_copies: float
    length_ratio: float
    samples: list[CalibrationSample]


@dataclass(frozen=True)
class Generation:
    """Towers, embeddings and index of a space that were published together."""

    number: int
    active: bool
    items: int
    """Items that have a vector in it."""
    dimension: int
    metric: str
    storage: str
    index: str
    """The kind of index over its vectors: "graph" or "partitions"."""
    index_reason: dict[str, Any]
    """Why it has this kind of index."""
    partial: bool
    """Whether items may have no vector in it."""
    left_out: int
    """Items that had no vector when it was published."""
    recall: float
    """recall@10 of recalls by user at their default beam width; 1 where they score every item."""
    calibration: Calibration = field(repr=False)
    cut: int
    """Every write up to this revision is in its segments."""
    towers_hash: int
    created_unix_ms: int
    measured: MeasuredRecall | None = None
    members: dict[str, int] = field(default_factory=dict)
    """Of a fused space: the spaces and generations that it was made of."""

    @property
    def created(self) -> dt.datetime:
        """When it was published."""
        return dt.datetime.fromtimestamp(self.created_unix_ms / 1000, dt.timezone.utc)

    def _repr_html_(self) -> str:
        shown = ("number", "active", "items", "dimension", "metric", "storage", "recall", "created")
        rows = "".join(f"<tr><th>{name}</th><td>{getattr(self, name)}</td></tr>" for name in shown)
        return f"<table>{rows}</table>"


@dataclass(frozen=True)
class SpaceStats:
    """Statistics of a space."""

    generation: int
    generations: int
    items: int
    late: int
    """Items written or deleted since the last seal; every recall scans them."""
    segments: int
    dimension: int
    metric: str
    storage: str
    index: str
    index_reason: dict[str, Any]
    parameters: int
    recall: MeasuredRecall | None
    calibration: Calibration = field(repr=False)
    bytes: int


@dataclass(frozen=True)
class LexicalStats:
    """Statistics of a lexical space."""

    generation: int
    generations: int
    lexical: dict[str, Any]
    """The definition."""
    unindexed_segments: int
    """Items segments whose index is built in memory until the next merge."""
    bytes: int


@dataclass(frozen=True)
class Stats:
    """Statistics of a database."""

    items: int
    fresh: int
    """Ids whose newest version is only in the journal."""
    sealed_revision: int
    items_segments: int
    items_bytes: int
    journal_bytes: int
    kernels: str
    """The instruction set that compares vectors."""
    spaces: dict[str, SpaceStats]
    lexical: dict[str, LexicalStats]


@dataclass(frozen=True)
class Collected:
    """What a push removed from a store: old epochs, and what only they needed."""

    heads: int
    objects: int
    bytes: int


@dataclass(frozen=True)
class Pushed:
    """What a push did."""

    epoch: int
    """The epoch that now has the state of the database."""
    unchanged: bool
    """Whether that epoch was there before, because nothing was written since."""
    files: int
    bytes: int
    uploaded_files: int
    uploaded_bytes: int
    collected: Collected


@dataclass(frozen=True)
class HeadSpace:
    """What a space serves in an epoch."""

    generation: int
    towers: str
    """The hash of its towers, in hexadecimal."""


@dataclass(frozen=True)
class HeadFile:
    """A file of the database of an epoch."""

    path: str
    length: int
    checksum: str
    ends: str | None = None
    """Of a segment: by this the next push knows it without reading it."""


@dataclass(frozen=True)
class Head:
    """An epoch of an object store: one state of a database, and the files that it consists of."""

    epoch: int
    database: str
    """The identity of the database, in hexadecimal."""
    created_unix_ms: int
    state: str
    """Pushes of one state have the same."""
    push: str
    """Random, of this push."""
    spaces: dict[str, HeadSpace]
    files: list[HeadFile] = field(repr=False)

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.length for file in self.files)

    @property
    def created(self) -> dt.datetime:
        """When it was pushed."""
        return dt.datetime.fromtimestamp(self.created_unix_ms / 1000, dt.timezone.utc)


@dataclass(frozen=True)
class Lag:
    """How far a follower is behind its store."""

    heads: int
    """Heads of the store that are newer than the served epoch, when it was last reached."""
    seconds: float
    """Seconds since the first of these heads that the follower saw was pushed; 0 without such heads."""
    checked_seconds: float | None
    """Seconds since the store was last reached; None if it was not reached yet."""
    error: str | None
    """Why the last look failed; None if it did not."""


@dataclass(frozen=True)
class FileProblem:
    """A problem in one file."""

    file: Path
    section: str
    what: str


@dataclass(frozen=True)
class ItemRevision:
    """A version of an item that is still stored."""

    revision: int
    record: dict[str, Any] | None
    """The record that was put; None if the item was deleted."""
    replaced: bool
    """Whether a later write replaced this version."""
    sealed: bool
    """Whether it is in a segment. Others are in the journal."""


@dataclass(frozen=True)
class CheckReport:
    """What a check found."""

    files: int
    problems: list[FileProblem]
    """What is wrong; empty if everything is sound."""
    unsupported: list[FileProblem]
    """What this build cannot check."""


@dataclass(frozen=True)
class RepairReport:
    """What a repair found, kept and gave up."""

    problems: list[FileProblem]
    lost_revisions: list[tuple[int, int]]
    """Acknowledged writes that are lost: first and last revision of each gap."""
    lost_rows: int
    unverified_rows: int
    lost_generations: list[tuple[str, int]]
    lost_ensembles: list[str]
    quarantined: list[Path]
    """The damaged files, kept for inspection."""


@dataclass(frozen=True)
class Replaced:
    """What a new catalogue changed."""

    added: int
    changed: int
    unchanged: int
    removed: int


@dataclass(frozen=True)
class Imported:
    """What an import read."""

    items: int
    skipped: int
    replaced: Replaced | None = None


@dataclass(frozen=True)
class EmbeddedFeature:
    """What one feature gave to the first layer."""

    kind: str
    fields: list[str]
    numbers: list[float]
    rows: list[int] = field(default_factory=list)
    """The rows of its table that were read."""


@dataclass(frozen=True)
class Embedded:
    """A vector, and what the features that it was made from gave."""

    vector: list[float]
    features: list[EmbeddedFeature]


@dataclass(frozen=True)
class ComparedRank:
    """The rank of an item in an answer."""

    rank: int
    score: float


@dataclass(frozen=True)
class ComparedItem:
    """An item of one of two answers, or of both."""

    id: str
    first: ComparedRank | None
    second: ComparedRank | None
    rise: int | None
    """The number of ranks it stands higher in the second answer."""


@dataclass(frozen=True)
class Comparison:
    """Two answers side by side."""

    depth: int
    overlap: int
    """Number of items in both answers."""
    overlap_share: float
    jaccard: float
    rbo: float
    """Rank-biased overlap, from 0 to 1."""
    items: list[ComparedItem]
    table: str = field(repr=False)

    def __str__(self) -> str:
        return self.table


@dataclass(frozen=True)
class RankChange:
    """The changes of one item's rank over many users."""

    id: str
    change: float
    """The sum over users of 1/rank in the second answer minus 1/rank in the first."""
    entered: int
    """Users for whom only the second answer has the item."""
    left: int
    rose: int
    fell: int


@dataclass(frozen=True)
class ComparisonSummary:
    """The answers of two batches side by side: means over users."""

    users: int
    mean_overlap_share: float
    mean_jaccard: float
    mean_rbo: float
    same_first: float
    """Share of users whose answers begin with the same item."""
    same_order: float
    """Share of users whose answers are the same."""
    movers: list[RankChange] = field(repr=False)
    """The items whose ranks differ for any user, the largest change first."""
    table: str = field(repr=False)

    def __str__(self) -> str:
        return self.table


@dataclass(frozen=True)
class SelfTest:
    """The self-test that towers passed when they were opened."""

    cases: int
    """Number of records."""
    difference: float
    """The largest difference of a component, relative to the largest component of its vector or to 1."""


@dataclass(frozen=True)
class ModelLimits:
    """Limits of one run of an ONNX model."""

    memory: int
    """Bytes, in addition to eight times the size of the file."""
    operations: int
    """Multiplications and additions."""
    seconds: float


@dataclass(frozen=True)
class Estimate:
    """A mean with its confidence interval."""

    value: float
    low: float | None
    """None with fewer than ten users."""
    high: float | None


@dataclass(frozen=True)
class Difference:
    """The difference of two models on one metric, over the same users."""

    first: str
    second: str
    metric: str
    value: float
    """The first one's metric minus the second one's."""
    low: float | None
    high: float | None
    p_value: float
    """Of a two-sided sign-flip test that there is no difference."""


@dataclass(frozen=True)
class PairedDifference:
    """A difference over the same users."""

    value: float
    low: float | None
    high: float | None
    p_value: float


@dataclass(frozen=True)
class Trial:
    """A generation on trial, or the one before it."""

    generation: int
    metrics: dict[str, float]
    """``hit@1``, ``hit@10``, ``hit@50``, ``hit@100`` and ``ndcg@10``."""


@dataclass(frozen=True)
class Verdict:
    """The result of a release."""

    before: Trial | None
    """None for the first generation of a space."""
    after: Trial
    difference: PairedDifference | None
    """hit@10 of the new generation minus that of the earlier one, with an interval of 95 %."""
    kept: bool
    """Whether the new generation was kept. Otherwise the earlier one is active again."""


@dataclass(frozen=True)
class IndexReport:
    """The answers of an index beside those of an exact search."""

    of_exact: dict[str, Estimate]
    """Share of the exact first K that the index finds, as ``recall@K``."""
    metrics: dict[str, Estimate]
    loss: PairedDifference
    """The primary metric of the index minus that of the exact search."""


@dataclass(frozen=True)
class Standing:
    """A model or a baseline in an evaluation."""

    name: str
    is_baseline: bool
    metrics: dict[str, Estimate]
    """By name, such as ``'ndcg@10'``, of exact searches."""
    coverage: float
    """Share of the catalogue that is among the first K of any answer."""
    popularity_lift: float | None
    """Popularity of the first K over that of histories, minus 1."""
    index: IndexReport | None
    refused: int
    """Users that the model cannot read; they count as not served."""
    refused_because: str | None


@dataclass(frozen=True)
class SegmentResult:
    """A model or a baseline in a segment."""

    name: str
    metrics: dict[str, Estimate]


@dataclass(frozen=True)
class Segment:
    """Part of the users, or of the items to be found."""

    of: Any
    """What they share: ``{'value': …}``, ``{'range': [from, to]}``, ``'missing'`` or ``'other'``."""
    count: int
    results: list[SegmentResult]


@dataclass(frozen=True)
class Segmentation:
    """The segments by one criterion."""

    by: str
    of_items: bool
    """Whether items to be found are parted, not users."""
    segments: list[Segment]


@dataclass(frozen=True)
class Evaluation:
    """How models and baselines answer the questions of one evaluation."""

    split: str
    users: int
    relevant: int
    """Items to be found, over all users."""
    outside_catalogue: int
    """Of these, items that the database does not have."""
    users_without_news: int
    catalogue: int
    excludes_seen: bool
    primary: str
    """The metric by which models are compared with baselines."""
    confidence: float
    resamples: int
    seed: int
    results: list[Standing]
    """The models, then the baselines, the best first."""
    differences: list[Difference] = field(repr=False)
    segments: list[Segmentation] = field(repr=False)
    warnings: list[str]
    """For each model below the best baseline: how far, and what to try."""
    html: str = field(repr=False)
    """The report as a page."""

    def standing(self, name: str) -> Standing:
        """The model or baseline of this name."""
        for standing in self.results:
            if standing.name == name:
                return standing
        raise KeyError(name)


@dataclass(frozen=True)
class Merged:
    """What the contributions of all shards come to; of the three, one is set."""

    hits: list[dict[str, Any]] | None = None
    """The answer: dicts as those of `Hits.to_dicts`."""
    statistics: bytes | None = None
    """Figures of all shards, with which every shard is to be asked again."""
    space: str | None = None
    """The space of whose items vectors are needed."""
    ids: list[str] = field(default_factory=list)
    """The items whose vectors are needed."""


def record(name: str, given: dict[str, Any]) -> Any:
    """Make a record of this class from the serialised struct. The tests compare the fields of both."""
    return _made(globals()[name], given)


def _made(cls: Any, given: dict[str, Any]) -> Any:
    hints = _hints(cls)
    return cls(**{name: _typed(hints[name], value) for name, value in given.items() if name in hints})


#: The types of the fields of the classes that were made.
_HINTS: dict[type, dict[str, Any]] = {}


def _hints(cls: type) -> dict[str, Any]:
    if cls not in _HINTS:
        _HINTS[cls] = get_type_hints(cls)
    return _HINTS[cls]


def _typed(hint: Any, value: Any) -> Any:
    """A serialised value as the type that it is annotated with."""
    if value is None:
        return None
    if is_dataclass(hint):
        return _made(hint, value)
    kind, inner = get_origin(hint), get_args(hint)
    if kind is UnionType:
        # Of something and None.
        return _typed(inner[0], value)
    if kind is list:
        return [_typed(inner[0], one) for one in value]
    if kind is dict:
        return {name: _typed(inner[1], one) for name, one in value.items()}
    if kind is tuple:
        return tuple(value)
    return Path(value) if hint is Path else value
