"""The studio as an object of Python."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
import twinspire


def test_a_studio_answers_until_it_is_closed(db: twinspire.Database) -> None:
    studio = db.studio()
    assert studio.url in studio._repr_html_() and studio.url in repr(studio)
    with urllib.request.urlopen(studio.url + "api/overview", timeout=20) as answer:
        assert json.load(answer)["stats"]["items"] == 2
    studio.close()
    studio.close()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(studio.url, timeout=5)


def test_a_studio_says_what_it_needs(db: twinspire.Database) -> None:
    with pytest.raises(twinspire.InvalidInputError, match="no IP address"):
        db.studio(listen="everywhere")
    with db.studio() as one, pytest.raises(twinspire.StorageError, match="another port"):
        db.studio(port=int(one.url.rstrip("/").rsplit(":", 1)[1]))
    db.close()
    with pytest.raises(twinspire.ClosedError):
        db.studio()
