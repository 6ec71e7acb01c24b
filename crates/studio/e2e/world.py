"""A shop with hostile records, two spaces, a lexical one, two generations and ensembles, made by the command `twinspire`."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

COLOURS = ["red", "blue", "green", "black", "white", "yellow"]
THINGS = ["shoes", "boots", "shirt", "coat", "hat", "socks", "bag", "scarf"]
CITIES = ["Oslo", "Bern", "Seattle", "Quito", "Kyoto"]

#: What must never run, load or break a page.
HOSTILE = "</script><img src=x onerror=\"document.title='pwned'\"><b>bold</b>\u202e'\"`${1}"

#: A space of towers whose `report.json` another program wrote, and these reports: a generation each.
FOREIGN = "words-foreign"
REPORTS: list[object] = [
    [],
    {},
    {"recipe": "youtube", "report": {}},
    {
        "recipe": {HOSTILE: HOSTILE},
        "settings": [HOSTILE],
        "warnings": {"no": "array"},
        "report": {
            "losses": HOSTILE, "validations": [], "metric": HOSTILE, "kept": HOSTILE, "examples": None, "parameters": [],
            "deciles": [1, None, {"held_out": 3, "hit@10": "high"}], "auto": {"candidates": [None, {"settings": HOSTILE}]},
            "baselines": {"model": 3, "baselines": {"no": "array"}, "difference": "large"},
            "data": {"columns": [7, {"side": 1, "field": {}, "read_as": HOSTILE}], "repeats": HOSTILE},
        },
    },
]  # fmt: skip


def items(count: int) -> list[dict[str, object]]:
    at_random = random.Random(7)
    made: list[dict[str, object]] = []
    for number in range(count):
        colour, thing, city = (at_random.choice(words) for words in (COLOURS, THINGS, CITIES))
        made.append(
            {
                "id": f"B{number:05}",
                "title": f"{colour} {thing} {number}",
                "price": round(at_random.uniform(3, 200), 2),
                "city": city,
                "tags": [colour, thing],
                "description": f"A {colour} {thing} for every day. People in {city} wear their {thing} in {colour}.",
                "in_stock": at_random.random() < 0.8,
            }
        )
    made[3] |= {"title": HOSTILE, "city": HOSTILE, "tags": [HOSTILE], HOSTILE: HOSTILE}
    made[4] |= {"id": HOSTILE}
    made[5] |= {"title": "長い名前" * 40, "city": "x" * 400}
    return made


def events(shop: list[dict[str, object]], users: int) -> list[dict[str, object]]:
    """Each user likes one colour and one thing."""
    at_random = random.Random(11)
    made = []
    for user in range(users):
        colour, thing = at_random.choice(COLOURS), at_random.choice(THINGS)
        liked = [item for item in shop if colour in item["tags"] or thing in item["tags"]]  # type: ignore[operator]
        for step, item in enumerate(at_random.sample(liked, 12)):
            made.append({"user_id": f"u{user}", "item_id": item["id"], "timestamp": 1_700_000_000 + user * 500 + step * 60})
    return made


def lines(path: Path, records: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def make(command: Path, home: Path) -> Path:
    """The database below `home`; kept for later runs."""
    database = home / "shop.twin"
    if (home / "done").exists():
        return database

    def run(*arguments: object) -> None:
        subprocess.run([command, *map(str, arguments), "--quiet"], check=True, capture_output=True)

    home.mkdir(parents=True, exist_ok=True)
    shop = items(600)
    shop_file = lines(home / "items.jsonl", shop)
    log_file = lines(home / "events.jsonl", events(shop, 300))
    training = ("--items", shop_file, "--events", log_file, "--no-auto", "--patience", 2)
    for name, seed in [("first", 1), ("second", 2)]:
        run("train", "youtube", *training, "--epochs", 4, "--seed", seed, "--out", home / name)
    run("train", "dssm", "--items", shop_file, "--no-auto", "--epochs", 2, "--out", home / "text")
    run("import", database, shop_file)
    run("publish", database, "likes", home / "first")
    run("publish", database, "likes", home / "second")
    run("publish", database, "words", home / "text")
    for report in REPORTS:
        (home / "text" / "report.json").write_text(json.dumps(report), encoding="utf-8")
        run("publish", database, FOREIGN, home / "text", "--retain", len(REPORTS))
    recipe = {"method": "weighted", "spaces": {"likes": 0.7, "words": 0.3}, "missing": 0}
    run("ensembles", database, "--define", "home", json.dumps(recipe))
    staged = {"method": "cascade", "stages": [{"space": "words", "take": 200}, {"space": "likes", "take": 50}],
              "diversity": {"space": "words", "lambda": 0.7}}
    run("ensembles", database, "--define", "staged", json.dumps(staged))
    run("lexical", database, "--define", "titles", json.dumps({"fields": {"title": 2, "description": 1}}))
    both = {"method": "rank_fusion", "spaces": ["likes", "titles"]}
    run("ensembles", database, "--define", "both", json.dumps(both))
    lines(home / "changed.jsonl", [shop[7] | {"price": 1.5, "in_stock": None}, shop[8] | {"id": "gone"}])
    run("import", database, home / "changed.jsonl")
    run("delete", database, "gone")
    (home / "done").touch()
    return database
