"""The native part of the package; kept by hand, and compared with the module by the tests."""

import datetime as dt
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar, final, overload

import numpy as np
import numpy.typing as npt

from twinspire._errors import Error
from twinspire._progress import ProgressCallback
from twinspire._records import (
    Calibration,
    CheckReport,
    Comparison,
    ComparisonSummary,
    Embedded,
    Evaluation,
    Generation,
    Imported,
    ModelLimits,
    RepairReport,
    Replaced,
    SelfTest,
    Stats,
    Verdict,
)
from twinspire._typing import Path as PathArgument
from twinspire._typing import Data, Pairs, Record, Records

_T = TypeVar("_T")
_Check = Literal["described", "strict", "lenient"]
_Metric = Literal["cosine", "inner_product", "l2"]
_Storage = Literal["full", "half"]
_Index = Literal["auto", "graph", "partitions"]
_Graph = Literal["batches", "instant-distance"]
_Format = Literal["json-lines", "csv", "parquet", "movielens", "export"]
_Progress = bool | ProgressCallback | None
_LeaveOut = bool | Callable[[Error], object] | None
_Ties = Literal["random", "log", "id"]
_Vectors = npt.NDArray[np.float32]

__version__: str

def open(
    path: PathArgument,
    *,
    read_only: bool = False,
    create: bool = True,
    background: bool = True,
    collect: bool = True,
    in_memory: bool = False,
    allow_network: bool = False,
    seal_bytes: int | None = None,
    seal_writes: int | None = None,
) -> Database: ...
def restore(snapshot: PathArgument, path: PathArgument) -> None: ...
def repair(path: PathArgument) -> RepairReport: ...
def evaluate(
    database: Database,
    name: str,
    users: Records,
    truth: Iterable[str],
    *,
    exclude_each: Iterable[Iterable[str]] | None = None,
) -> dict[str, float]: ...
def split_events(
    events: Data, *, split: str | float | dt.date = "last", ties: _Ties = "random", tie_seed: int = 0
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]: ...
def train(
    recipe: str,
    items: Data | None,
    users: Data | None,
    events: Data | None,
    earlier: Towers | PathArgument | None,
    mined: Pairs | None,
    teacher: Towers | Iterable[str] | None,
    progress: _Progress,
    auto: tuple[float, bool] | None,
    settings: dict[str, Any],
) -> Trained: ...
def run_command(arguments: list[str]) -> int: ...
def field(path: str) -> Field: ...
def model_limits() -> ModelLimits: ...
def set_model_limits(
    *, memory: int | None = None, operations: int | None = None, seconds: float | None = None
) -> None: ...
@final
class Database:
    @property
    def items(self) -> Items: ...
    @property
    def ensembles(self) -> Ensembles: ...
    @property
    def path(self) -> Path: ...
    @property
    def read_only(self) -> bool: ...
    @property
    def closed(self) -> bool: ...
    def close(self) -> None: ...
    def __enter__(self) -> Database: ...
    def __exit__(self, *_exception: type[BaseException] | BaseException | TracebackType | None) -> None: ...
    def pin(self) -> Pinned: ...
    def refresh(self) -> None: ...
    def recall(
        self,
        name: str,
        *,
        user: Record | None = None,
        vector: npt.ArrayLike | None = None,
        similar: str | None = None,
        users_in: Mapping[str, Record] | None = None,
        vectors_in: Mapping[str, npt.ArrayLike] | None = None,
        k: int | None = 10,
        min_score: float | None = None,
        filter: str | Filter | Iterable[str | Filter] | None = None,
        exclude: Iterable[str] | None = None,
        recall_target: float | None = None,
        ef: int | None = None,
        exact: bool = False,
        offset: int = 0,
        records: bool | Iterable[str] = False,
        exact_ranks: bool = False,
        check_features: _Check = "described",
        explain: bool = False,
    ) -> Hits: ...
    def similar(
        self,
        name: str,
        id: str,
        *,
        k: int | None = 10,
        min_score: float | None = None,
        filter: str | Filter | Iterable[str | Filter] | None = None,
        exclude: Iterable[str] | None = None,
        recall_target: float | None = None,
        ef: int | None = None,
        exact: bool = False,
        offset: int = 0,
        records: bool | Iterable[str] = False,
        exact_ranks: bool = False,
        check_features: _Check = "described",
        explain: bool = False,
    ) -> Hits: ...
    def recall_many(
        self,
        name: str,
        users: Records,
        *,
        users_in: Mapping[str, Record] | None = None,
        vectors_in: Mapping[str, npt.ArrayLike] | None = None,
        k: int | None = 10,
        min_score: float | None = None,
        filter: str | Filter | Iterable[str | Filter] | None = None,
        exclude: Iterable[str] | None = None,
        exclude_each: Iterable[Iterable[str]] | None = None,
        recall_target: float | None = None,
        ef: int | None = None,
        exact: bool = False,
        offset: int = 0,
        records: bool | Iterable[str] = False,
        exact_ranks: bool = False,
        check_features: _Check = "described",
        explain: bool = False,
        on_error: Literal["raise", "keep"] = "raise",
    ) -> BatchHits: ...
    def vectors(self, space: str, ids: Iterable[str]) -> _Vectors: ...
    def publish(
        self,
        space: str,
        towers: Towers | PathArgument,
        *,
        retain: int = 3,
        storage: _Storage = "full",
        index: _Index = "auto",
        graph: _Graph = "batches",
        calibrate_users: Records | None = None,
        force: bool = False,
        leave_out: _LeaveOut = False,
        progress: _Progress = None,
    ) -> Generation: ...
    def publish_vectors(
        self,
        space: str,
        ids: Iterable[str],
        vectors: npt.ArrayLike,
        *,
        metric: _Metric | None = None,
        towers: Towers | PathArgument | None = None,
        retain: int = 3,
        storage: _Storage = "full",
        index: _Index = "auto",
        graph: _Graph = "batches",
        calibrate_users: Records | None = None,
        force: bool = False,
        leave_out: _LeaveOut = False,
        progress: _Progress = None,
    ) -> Generation: ...
    def publish_fused(
        self,
        space: str,
        members: Iterable[str],
        *,
        retain: int = 3,
        index: _Index = "auto",
        graph: _Graph = "batches",
        calibrate_users: Records | None = None,
        force: bool = False,
        progress: _Progress = None,
    ) -> Generation: ...
    def release(
        self,
        space: str,
        towers: Towers | PathArgument,
        *,
        events: Data,
        test: Data,
        users: Data | None = None,
        tolerance: float = 0.0,
        most: int = 10000,
        check_features: _Check = "described",
        retain: int = 3,
        storage: _Storage = "full",
        index: _Index = "auto",
        graph: _Graph = "batches",
        calibrate_users: Records | None = None,
        force: bool = False,
        leave_out: _LeaveOut = False,
        progress: _Progress = None,
    ) -> Verdict: ...
    def spaces(self) -> list[str]: ...
    def generations(self, space: str) -> list[Generation]: ...
    def rollback(self, space: str, to: int | None = None, *, progress: _Progress = None) -> Generation: ...
    def retain(self, space: str, generations: int) -> None: ...
    def members(self, space: str) -> dict[str, int]: ...
    def towers(self, space: str) -> Towers: ...
    def seal(self) -> int: ...
    def merge(self) -> None: ...
    def gc(self, *, dry_run: bool = False) -> list[Path]: ...
    def snapshot(self, path: PathArgument) -> None: ...
    def check(self) -> CheckReport: ...
    def studio(self, *, port: int = 0, listen: str = "127.0.0.1") -> Studio: ...
    def stats(self) -> Stats: ...
    def audit(self, space: str, users: Records | None = None, *, store: bool = False) -> Calibration: ...
    def evaluate(
        self,
        names: str | Iterable[str] | None = None,
        *,
        events: Data,
        users: Data | None = None,
        test: Data | None = None,
        split: str | float | dt.date = "last",
        ties: _Ties = "random",
        tie_seed: int = 0,
        states: Mapping[str, tuple[Pinned, str]] | None = None,
        k: int | Iterable[int] = (10, 100),
        metric: str = "hit@10",
        by: str | Iterable[str] | None = None,
        repeats: bool = False,
        baselines: bool = True,
        max_users: int = 10000,
        history_field: str = "history",
        ef: int | None = None,
        recall_target: float | None = None,
        check_features: _Check = "described",
        resamples: int = 1000,
        confidence: float = 0.95,
        seed: int = 0,
        progress: _Progress = None,
    ) -> Evaluation: ...
    def exclude_from_filters(self, fields: Iterable[str]) -> None: ...
    def include_in_filters(self, fields: Iterable[str]) -> None: ...
    def excluded_from_filters(self) -> list[str]: ...
    def check_user(self, name: str, user: Record) -> list[str]: ...
    def embed_user(self, name: str, user: Record) -> dict[str, Embedded]: ...
    def embed_item(self, space: str, item: Record) -> Embedded: ...
    def mine(
        self,
        space: str,
        pairs: Pairs,
        *,
        ranks: tuple[int, int] = (101, 500),
        per_pair: int | None = 4,
        seed: int = 0,
        hard_beyond: int | None = None,
        only_hard: bool = False,
        filter: str | Filter | Iterable[str | Filter] | None = None,
        check_features: _Check = "described",
        recall_target: float | None = None,
        ef: int | None = None,
        exact: bool = False,
        skip_failures: bool = False,
    ) -> MinedPairs: ...
    def __reduce__(self) -> str | tuple[Any, ...]: ...

@final
class Items:
    def put(self, item: Record) -> int: ...
    def put_many(self, items: Records, *, batch: int | None = 2000, progress: _Progress = None) -> int: ...
    @overload
    def get(self, id: str, default: None = None) -> dict[str, Any] | None: ...
    @overload
    def get(self, id: str, default: _T) -> dict[str, Any] | _T: ...
    def delete(self, id: str) -> bool: ...
    def delete_many(self, ids: Iterable[str]) -> int: ...
    def delete_where(self, filter: str | Filter) -> int: ...
    def count_where(self, filter: str | Filter) -> int: ...
    def ids_where(self, filter: str | Filter) -> list[str]: ...
    def replace_all(
        self,
        items: Records,
        *,
        max_removed: float = 0.5,
        batch: int | None = 2000,
        progress: _Progress = None,
    ) -> Replaced: ...
    def import_file(
        self,
        path: PathArgument,
        *,
        format: _Format | None = None,
        id: str | None = None,
        columns: Iterable[str] | None = None,
        drop: Iterable[str] | None = None,
        lists: Iterable[str] | None = None,
        text: Iterable[str] | None = None,
        delimiter: str | None = None,
        header: Iterable[str] | None = None,
        skip_bad: bool = False,
        replace: bool = False,
        max_removed: float = 0.5,
        progress: _Progress = None,
    ) -> Imported: ...
    def export_file(self, path: PathArgument, *, vectors: Iterable[str] | None = None) -> int: ...
    def keys(self) -> Iterator[str]: ...
    def values(self) -> Iterator[dict[str, Any]]: ...
    def items(self) -> Iterator[tuple[str, dict[str, Any]]]: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...
    def __contains__(self, id: object, /) -> bool: ...
    def __getitem__(self, id: str, /) -> dict[str, Any]: ...
    def __setitem__(self, id: str, item: Record, /) -> None: ...
    def __delitem__(self, id: str, /) -> None: ...

@final
class ItemIterator:
    def __iter__(self) -> ItemIterator: ...
    def __next__(self) -> Any: ...

@final
class Hits:
    @property
    def ids(self) -> list[str]: ...
    @property
    def scores(self) -> _Vectors: ...
    @property
    def generation(self) -> int: ...
    @property
    def generations(self) -> dict[str, int]: ...
    @property
    def promise(self) -> dict[str, Any] | None: ...
    @property
    def explain(self) -> dict[str, Any] | None: ...
    def compare(self, other: Hits) -> Comparison: ...
    def to_dicts(self) -> list[dict[str, Any]]: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Hit]: ...
    @overload
    def __getitem__(self, at: int, /) -> Hit: ...
    @overload
    def __getitem__(self, at: slice, /) -> list[Hit]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def _repr_html_(self) -> str: ...

@final
class Hit:
    @property
    def id(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def record(self) -> dict[str, Any] | None: ...
    @property
    def channels(self) -> dict[str, float]: ...
    @property
    def ranks(self) -> dict[str, int]: ...
    def __eq__(self, other: object, /) -> bool: ...

@final
class BatchHits:
    @property
    def ids(self) -> npt.NDArray[np.object_]: ...
    @property
    def scores(self) -> _Vectors: ...
    @property
    def counts(self) -> npt.NDArray[np.uint64]: ...
    @property
    def errors(self) -> dict[int, Error]: ...
    def compare(self, other: BatchHits) -> ComparisonSummary: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Hits]: ...
    def __getitem__(self, at: int, /) -> Hits: ...

@final
class Pinned:
    def recall(
        self,
        name: str,
        *,
        user: Record | None = None,
        vector: npt.ArrayLike | None = None,
        similar: str | None = None,
        users_in: Mapping[str, Record] | None = None,
        vectors_in: Mapping[str, npt.ArrayLike] | None = None,
        k: int | None = 10,
        min_score: float | None = None,
        filter: str | Filter | Iterable[str | Filter] | None = None,
        exclude: Iterable[str] | None = None,
        recall_target: float | None = None,
        ef: int | None = None,
        exact: bool = False,
        offset: int = 0,
        records: bool | Iterable[str] = False,
        exact_ranks: bool = False,
        check_features: _Check = "described",
        explain: bool = False,
    ) -> Hits: ...
    def similar(
        self,
        name: str,
        id: str,
        *,
        k: int | None = 10,
        min_score: float | None = None,
        filter: str | Filter | Iterable[str | Filter] | None = None,
        exclude: Iterable[str] | None = None,
        recall_target: float | None = None,
        ef: int | None = None,
        exact: bool = False,
        offset: int = 0,
        records: bool | Iterable[str] = False,
        exact_ranks: bool = False,
        check_features: _Check = "described",
        explain: bool = False,
    ) -> Hits: ...
    def recall_many(
        self,
        name: str,
        users: Records,
        *,
        users_in: Mapping[str, Record] | None = None,
        vectors_in: Mapping[str, npt.ArrayLike] | None = None,
        k: int | None = 10,
        min_score: float | None = None,
        filter: str | Filter | Iterable[str | Filter] | None = None,
        exclude: Iterable[str] | None = None,
        exclude_each: Iterable[Iterable[str]] | None = None,
        recall_target: float | None = None,
        ef: int | None = None,
        exact: bool = False,
        offset: int = 0,
        records: bool | Iterable[str] = False,
        exact_ranks: bool = False,
        check_features: _Check = "described",
        explain: bool = False,
        on_error: Literal["raise", "keep"] = "raise",
    ) -> BatchHits: ...
    def vectors(self, space: str, ids: Iterable[str]) -> _Vectors: ...
    def generation(self, space: str, number: int) -> Pinned: ...
    def mine(
        self,
        space: str,
        pairs: Pairs,
        *,
        ranks: tuple[int, int] = (101, 500),
        per_pair: int | None = 4,
        seed: int = 0,
        hard_beyond: int | None = None,
        only_hard: bool = False,
        filter: str | Filter | Iterable[str | Filter] | None = None,
        check_features: _Check = "described",
        recall_target: float | None = None,
        ef: int | None = None,
        exact: bool = False,
        skip_failures: bool = False,
    ) -> MinedPairs: ...
    def reads_user_field(self, name: str, field: str) -> bool: ...
    def active_generation(self, space: str) -> int: ...
    def close(self) -> None: ...
    def __enter__(self) -> Pinned: ...
    def __exit__(self, *_exception: type[BaseException] | BaseException | TracebackType | None) -> None: ...

@final
class Ensemble:
    def __new__(cls, recipe: Ensemble | Mapping[str, Any]) -> Ensemble: ...
    @property
    def recipe(self) -> dict[str, Any]: ...
    @property
    def method(self) -> str: ...
    @property
    def spaces(self) -> list[str]: ...
    def __eq__(self, other: object, /) -> bool: ...

@final
class Ensembles:
    def keys(self) -> list[str]: ...
    def values(self) -> list[Ensemble]: ...
    def items(self) -> list[tuple[str, Ensemble]]: ...
    @overload
    def get(self, name: str, default: None = None) -> Ensemble | None: ...
    @overload
    def get(self, name: str, default: _T) -> Ensemble | _T: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...
    def __contains__(self, name: object, /) -> bool: ...
    def __getitem__(self, name: str, /) -> Ensemble: ...
    def __setitem__(self, name: str, ensemble: Ensemble | Mapping[str, Any], /) -> None: ...
    def __delitem__(self, name: str, /) -> None: ...

@final
class Towers:
    @classmethod
    def open(cls, path: PathArgument) -> Towers: ...
    @classmethod
    def combine(cls, user: Towers, item: Towers) -> Towers: ...
    def save(self, path: PathArgument) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def dimension(self) -> int: ...
    @property
    def metric(self) -> str: ...
    @property
    def parameters(self) -> int: ...
    @property
    def hash(self) -> int: ...
    def describe(self) -> dict[str, Any]: ...
    def check_user(self, user: Record) -> list[str]: ...
    @property
    def self_test(self) -> SelfTest | None: ...
    def embed_user(self, user: Record) -> Embedded: ...
    def embed_item(self, item: Record) -> Embedded: ...
    def embed_users(self, users: Records) -> _Vectors: ...
    def embed_items(self, items: Records) -> _Vectors: ...

@final
class Studio:
    @property
    def url(self) -> str: ...
    def close(self) -> None: ...
    def __enter__(self) -> Studio: ...
    def __exit__(self, *_exception: object) -> None: ...
    def _repr_html_(self) -> str: ...

@final
class MinedPairs:
    @property
    def generation(self) -> int: ...
    @property
    def skipped(self) -> list[Error]: ...
    def __iter__(self) -> MinedPairs: ...
    def __next__(self) -> dict[str, Any]: ...

@final
class Trained:
    @property
    def towers(self) -> Towers: ...
    @property
    def report(self) -> dict[str, Any]: ...
    @property
    def settings(self) -> dict[str, Any]: ...
    @property
    def warning(self) -> str | None: ...
    def to_html(self, title: str = "Training") -> str: ...

@final
class Field:
    def __lt__(self, value: object, /) -> Filter: ...
    def __le__(self, value: object, /) -> Filter: ...
    def __eq__(self, value: object, /) -> Filter: ...  # type: ignore[override]
    def __ne__(self, value: object, /) -> Filter: ...  # type: ignore[override]
    def __gt__(self, value: object, /) -> Filter: ...
    def __ge__(self, value: object, /) -> Filter: ...
    def between(self, low: object, high: object) -> Filter: ...
    def one_of(self, values: Iterable[object]) -> Filter: ...
    def has(self, value: object) -> Filter: ...
    def has_any(self, values: Iterable[object]) -> Filter: ...
    def has_all(self, values: Iterable[object]) -> Filter: ...
    def starts_with(self, prefix: str) -> Filter: ...
    def is_null(self) -> Filter: ...
    def is_not_null(self) -> Filter: ...
    def within(self, lat: float, lon: float, km: float) -> Filter: ...

@final
class Filter:
    @staticmethod
    def parse(text: str) -> Filter: ...
    @staticmethod
    def all(filters: Iterable[str | Filter]) -> Filter: ...
    @staticmethod
    def any(filters: Iterable[str | Filter]) -> Filter: ...
    def __and__(self, other: str | Filter, /) -> Filter: ...
    def __or__(self, other: str | Filter, /) -> Filter: ...
    def __rand__(self, value: str | Filter, /) -> Filter: ...
    def __ror__(self, value: str | Filter, /) -> Filter: ...
    def __invert__(self) -> Filter: ...
    def __bool__(self) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...

@final
class Source:
    def __new__(
        cls,
        data: PathArgument | Records,
        *,
        format: _Format | None = None,
        id: str | None = None,
        user: str | None = None,
        item: str | None = None,
        time: str | None = None,
        weight: str | None = None,
        columns: Iterable[str] | None = None,
        drop: Iterable[str] | None = None,
        lists: Iterable[str] | None = None,
        text: Iterable[str] | None = None,
        delimiter: str | None = None,
        header: Iterable[str] | None = None,
    ) -> Source: ...
