"""Normalised text: what two copies of a text share."""

from __future__ import annotations

from claimhound.data.text.normal_text import normalize_text


def test_normalized_text_ignores_case_quotes_spacing_and_soft_hyphens():
    assert normalize_text("“Pro\u00adduces”  1.3\u00a0%") == normalize_text('"produces" 1.3') == "produces 1 3"
