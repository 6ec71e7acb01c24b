"""Write LICENSE-THIRD-PARTY: the licences of all crates that are compiled into the wheel, on any platform.

    python python/notices.py

Run it after a change of Cargo.lock; a test compares the file.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NOTICES = HERE / "LICENSE-THIRD-PARTY"
CRATE = "twinspire-python"

HEADER = """The extension module and the command of this package contain the standard library of Rust (MIT OR Apache-2.0) and
the following crates, each under its own licence. Of a choice with MIT, MIT is chosen. Sources: https://crates.io.
"""


def compiled() -> list[dict[str, Any]]:
    """The crates that end up in the wheel: no macros, nothing of builds and tests, none of the workspace."""
    command = [os.environ.get("CARGO", "cargo"), "metadata", "--format-version", "1", "--all-features", "--locked"]
    done = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, check=True)
    metadata = json.loads(done.stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    todo = [package["id"] for package in packages.values() if package["name"] == CRATE]
    found = set(todo)
    macros = {id for id, package in packages.items() if any("proc-macro" in one["kind"] for one in package["targets"])}
    while todo:
        for dependency in nodes[todo.pop()]["deps"]:
            is_compiled = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if is_compiled and dependency["pkg"] not in found | macros:
                found.add(dependency["pkg"])
                todo.append(dependency["pkg"])
    others = [packages[id] for id in found if id not in metadata["workspace_members"]]
    return sorted(others, key=lambda package: (package["name"], package["version"]))


def texts(package: dict[str, Any]) -> list[str]:
    """The licence and notice files of a crate: of a choice, those of the MIT licence alone."""
    root = Path(package["manifest_path"]).parent
    # C sources have theirs in a folder of their own.
    files = [path for pattern in ("*", "*/*", "c_src/*/*/*") for path in sorted(root.glob(pattern))]
    named = [path for path in files if path.is_file() and re.match(r"(?i)(un)?licen[cs]e|copying|notice", path.name)]
    of_mit = [path for path in named if "MIT" in path.name.upper()]
    licence = package["license"] or ""
    if of_mit and re.search(r"\bMIT\b", licence) and re.search(r" OR |/", licence) and " AND " not in licence:
        named = [*of_mit, *(path for path in named if path.name.upper().startswith("NOTICE"))]
    found = [path.read_text(encoding="utf-8", errors="replace").strip() for path in named]
    return list(dict.fromkeys(found))


def notices() -> str:
    """The text of the file: each licence once, under the crates that it is of."""
    crates: dict[str, list[str]] = defaultdict(list)
    for package in compiled():
        name = f"{package['name']} {package['version']} ({package['license']})"
        authors = ", ".join(re.sub(r" <.*?>", "", author) for author in package["authors"])
        own = texts(package) or [f"Copyright {authors or 'the authors'}. {package['repository'] or ''}".strip()]
        for text in own:
            crates[text].append(name)
    parts = [HEADER]
    for text, names in sorted(crates.items(), key=lambda one: one[1]):
        parts.append("\n".join([*names, "", text, ""]))
    return ("\n" + "-" * 80 + "\n\n").join(parts)


if __name__ == "__main__":
    NOTICES.write_text(notices(), encoding="utf-8")
