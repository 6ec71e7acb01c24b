"""A cluster of shards on Ray: more items and more requests than one machine takes. docs/scale-out.md describes it.

- `publish` reads items with Ray Data, splits them by a hash of their ids, builds an ordinary database of each shard in
  a task, and makes all of them serve at once by one object of the store.
- `serve` starts replicas of each shard, writers and routers on Ray Serve; `Cluster` takes recalls and writes.
- `shard_of` is the hash. `Router`, `ShardServer` and `Writer` are the parts without Ray, for another engine.

``pip install "twinspire[ray]"`` installs Ray, which is imported by `publish` and `serve` alone.
"""

from __future__ import annotations

from twinspire.ray._cluster import Cluster
from twinspire.ray._errors import EpochAbsentError, OverloadedError, ShardError, TimedOutError
from twinspire.ray._hash import shard_of
from twinspire.ray._head import Head, ShardHead, read_head
from twinspire.ray._object_storage import ObjectStorage
from twinspire.ray._publish import collect, publish, sweep
from twinspire.ray._router import Answer, Router, Shards
from twinspire.ray._serve import connect, serve
from twinspire.ray._shard import ShardServer
from twinspire.ray._state import ClusterState, States
from twinspire.ray._storage import LocalStorage, Storage, storage
from twinspire.ray._writer import Writer, Written

__all__ = [
    "Answer", "Cluster", "ClusterState", "EpochAbsentError", "Head", "LocalStorage", "ObjectStorage", "OverloadedError",
    "Router", "ShardError", "ShardHead", "ShardServer", "Shards", "States", "Storage", "TimedOutError", "Writer", "Written",
    "collect", "connect", "publish", "read_head", "serve", "shard_of", "storage", "sweep",
]  # fmt: skip
