"""`KIND:PATH[+LABEL...][@N]`: the parts of a name, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.source_names import SourceName, parse_source_name


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with files whose names contain the separators."""
    monkeypatch.chdir(tmp_path)
    for name in ("plain.tsv", "a@b+c.tsv", "d+e@f/plain.tsv"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    return tmp_path


def parse(text):
    return parse_source_name(text, ("pairs", "squad"), labelled=("pairs",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("squad:plain.tsv", SourceName("squad", Path("plain.tsv"))),
        ("squad:plain.tsv@30", SourceName("squad", Path("plain.tsv"), limit=30)),
        ("pairs:plain.tsv+yes+so@20", SourceName("pairs", Path("plain.tsv"), ("yes", "so"), 20)),
        ("pairs:a@b+c.tsv", SourceName("pairs", Path("a@b+c.tsv"))),
        ("pairs:a@b+c.tsv@2", SourceName("pairs", Path("a@b+c.tsv"), limit=2)),
        ("pairs:d+e@f/plain.tsv+yes", SourceName("pairs", Path("d+e@f/plain.tsv"), ("yes",))),
        ("squad:hf:user/set@config:dev", SourceName("squad", Path("hf:user/set@config:dev"))),
        ("squad:hf:user/set@config@7", SourceName("squad", Path("hf:user/set@config"), limit=7)),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_name_has_a_kind_a_path_labels_and_a_number(text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("moon:x", "'moon:x': not a labelled set; write KIND:PATH, where KIND is one of pairs, squad"),
        ("squad", "'squad': not a labelled set"),
        ("squad:", "'squad:': not a labelled set"),
        ("pairs:missing.tsv", "missing.tsv: no such file or folder"),
        (
            "pairs:plain.tsv@many",
            "'pairs:plain.tsv@many': @ must be followed by the number of claims to draw, not 'many'",
        ),
        ("pairs:plain.tsv@0", "not '0'"),
        ("squad:plain.tsv+yes", "only pairs take labels"),
        ("pairs:plain.tsv+", "only pairs take labels"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_bad_name_is_refused(text, message):
    with pytest.raises(InputError) as caught:
        parse(text)
    assert message in str(caught.value)
