"""Progress lines in a log file."""

from __future__ import annotations

from claimhound.pipeline.commands.progress_display import ProgressLines


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_line_comes_every_30_seconds_with_pace_and_time_left() -> None:
    clock, said = Clock(), list[str]()
    lines = ProgressLines("documents", said.append, clock=clock)
    clock.now = 20
    lines.advance("read", 1_000, None)
    assert said == []
    clock.now = 30
    lines.advance("read", 2_000, None)
    clock.now = 50
    lines.advance("encode", 1_000, 100_000)
    # 40 s after the last line: 10,000 documents in 40 s, 90,000 left at that pace take 360 s.
    clock.now = 70
    lines.advance("encode", 10_000, 100_000)
    # 30 s more: 70,000 at once; 20,000 left at 70,000 in 30 s take 9 s.
    clock.now = 100
    lines.advance("encode", 80_000, 100_000)
    clock.now = 200
    lines.advance("commit", 100_000, 100_000)
    assert said == [
        "read: 2,000 documents",
        "encode: 10,000 of 100,000 documents (10%), 250 a second, about 6 min left",
        "encode: 80,000 of 100,000 documents (80%), 2,333 a second, about a minute left",
        "commit: 100,000 of 100,000 documents (100%)",
    ]


def test_the_note_comes_last_and_slow_paces_have_two_digits() -> None:
    clock, said = Clock(), list[str]()
    lines = ProgressLines("records", said.append, every_s=60, clock=clock)
    clock.now = 59
    lines.advance("annotate", 100, 1_000, "3 rejected")
    clock.now = 60
    lines.advance("annotate", 150, 1_000, "3 rejected")
    assert said == ["annotate: 150 of 1,000 records (15%), 2.5 a second, about 6 min left, 3 rejected"]


def test_long_durations_are_in_hours() -> None:
    clock, said = Clock(), list[str]()
    lines = ProgressLines("claims", said.append, clock=clock)
    clock.now = 60
    lines.advance("evaluate", 10, 1_210)
    assert said == ["evaluate: 10 of 1,210 claims (1%), 0.17 a second, about 2.0 h left"]
