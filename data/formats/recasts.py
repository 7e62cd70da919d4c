"""Fact checks and news articles of known shapes, with the field names of other records."""

from __future__ import annotations

from typing import Any, TypeAlias

from claimhound.data.formats.json_ld import Fields, as_list, joined_text, link_of, name_of, text_of, types_of, without
from claimhound.data.records import Json

Recasting: TypeAlias = "tuple[str, Fields, str | None] | None"


def recast_claim(fields: Fields) -> Recasting:
    """Return the name of a claim's shape, its fields and its text; None for an unknown shape."""
    if (claim := _reviewed(fields)) is not None:
        rest = {name: value for name, value in fields.items() if name != "claimReviewed" or claim != value}
        return "fact checks (ClaimReview)", {**rest, **_filled(_of_review(fields), rest)}, claim
    if "claimReview" in fields:
        return (
            "fact checks (Fact Check Tools)",
            {**fields, **_filled(_of_tools_claim(fields), fields)},
            text_of(fields.get("text")),
        )
    return None


def recast_document(fields: Fields) -> Recasting:
    """Return the name of a document's shape, its fields and its text; None for an unknown shape."""
    if "url2text" in fields:
        return "pages of a knowledge store (url2text)", without(fields, "url2text"), joined_text(fields["url2text"])
    claim = recast_claim(fields)
    if claim is not None:
        shape, new, text = claim
        body = text_of(fields.get("reviewBody")) or text_of(fields.get("articleBody"))
        title = text_of(fields.get("title")) or text_of(fields.get("headline")) or text_of(fields.get("name"))
        known = {"title": title, "source": new.get("publisher")}
        what = f"{shape}; if such a record has no text of its own, its text is the checked claim"
        kept = {"claimReviewed": text} if body and "claimReview" not in fields else {}
        return what, {**new, **kept, **_filled(known, new)}, body or text
    if "articleBody" in fields or any(name.endswith(("Article", "BlogPosting")) for name in types_of(fields)):
        return _news_article(fields)
    if "publishedAt" in fields and ("content" in fields or "description" in fields):
        return _service_article(fields)
    return None


def _news_article(fields: Fields) -> Recasting:
    name = next((name for name in ("articleBody", "text", "description") if joined_text(fields.get(name))), None)
    if name is None:
        return None
    known = {
        "title": text_of(fields.get("headline")) or text_of(fields.get("name")),
        "source": name_of(fields.get("publisher")) or name_of(fields.get("author")),
        "url": link_of(fields),
    }
    return "news articles (schema.org)", {**without(fields, name), **_filled(known, fields)}, joined_text(fields[name])


def _service_article(fields: Fields) -> Recasting:
    name = next((name for name in ("content", "description") if text_of(fields.get(name))), None)
    origin = fields.get("source")
    new = dict(fields) if name is None else without(fields, name)
    if isinstance(origin, dict):
        new["source"] = name_of(origin)
        if origin.get("id") is not None:
            new["source_id"] = origin["id"]
    return "articles of a news service", new, None if name is None else text_of(fields[name])


def _reviewed(fields: Fields) -> str | None:
    if (claim := text_of(fields.get("claimReviewed"))) is not None:
        return claim
    item = fields.get("itemReviewed")
    if "ClaimReview" in types_of(fields) and isinstance(item, dict) and "Claim" in types_of(item):
        return text_of(item.get("text")) or text_of(item.get("name"))
    return None


def _of_review(fields: Fields) -> Fields:
    items = as_list(fields.get("itemReviewed"))
    speakers = [name_of(item.get("author")) for item in items if isinstance(item, dict)]
    return {
        "verdict": _verdict(fields.get("reviewRating")),
        "url": link_of(fields),
        "date": text_of(fields.get("datePublished")),
        "publisher": name_of(fields.get("publisher")) or name_of(fields.get("author")),
        "claimant": next((name for name in speakers if name), None),
    }


def _of_tools_claim(fields: Fields) -> Fields:
    reviews = [review for review in as_list(fields["claimReview"]) if isinstance(review, dict)]
    reviews.sort(key=lambda review: text_of(review.get("textualRating")) is None)
    review = reviews[0] if reviews else {}
    publisher = review.get("publisher")
    site = text_of(publisher.get("site")) if isinstance(publisher, dict) else None
    return {
        "verdict": text_of(review.get("textualRating")),
        "url": text_of(review.get("url")),
        "date": text_of(review.get("reviewDate")),
        "publisher": name_of(publisher) or site,
        "title": text_of(review.get("title")),
    }


def _verdict(ratings: Any) -> str | None:
    for rating in as_list(ratings):
        if isinstance(rating, dict):
            found = text_of(rating.get("alternateName")) or text_of(rating.get("name"))
        else:
            found = text_of(rating)
        if found is not None:
            return found
    return None


def _filled(known: Fields, fields: Fields) -> Fields:
    """Return the known values for fields that are not texts yet; an object that is replaced is kept as NAME_record."""
    new: Fields = {}
    for name, value in known.items():
        there = fields.get(name)
        if value is None or (isinstance(there, str) and there.strip()):
            continue
        new[name] = value
        if isinstance(there, dict | list) and not _adds_nothing(there, value):
            new[f"{name}_record"] = there
    return new


def _adds_nothing(there: Json, value: str) -> bool:
    return isinstance(there, dict) and there.keys() <= {"@type", "name", "@id"} and there.get("name", value) == value
