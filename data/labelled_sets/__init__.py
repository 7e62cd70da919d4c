"""Labelled data: relevance judgments, labelled pairs, stances and runs, in the formats they are published in."""
