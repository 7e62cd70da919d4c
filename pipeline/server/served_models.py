"""The models that a server has, and the names that clients know them by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import TypeVar

from claimhound.data.records import Json
from claimhound.pipeline.models.cross_encoders import Reranker, StanceModel
from claimhound.pipeline.models.encoders import Encoder
from claimhound.pipeline.server.problems import RequestProblem, not_found
from claimhound.pipeline.server.service import Service

Model = TypeVar("Model")

DEFAULT_NAME = "default"


def served_name(name: str) -> str:
    """Return the name of a model for clients: of one that is a folder the folder's own name, without its path."""
    return PurePath(name).name if PurePath(name).is_absolute() else name


def served_names(models: Mapping[str, Json]) -> dict[str, Json]:
    """Return models by kind with the names that clients know."""
    return {kind: served_name(name) if isinstance(name, str) else None for kind, name in models.items()}


def reranker_of(service: Service, asked: str | None) -> Reranker:
    """Return the reranker. Raises RequestProblem: 404 if another was asked for, 422 if the server has none."""
    model = _required(service.indexes[0].opened.reranker, "reranker")
    _require_name(asked, [model.name], "reranker")
    return model


def stance_of_server(service: Service, asked: str | None) -> StanceModel:
    """Return the stance model; raises as `reranker_of` does."""
    model = _required(service.indexes[0].opened.stance, "stance model")
    _require_name(asked, [model.name], "stance model")
    return model


def encoder_of(service: Service, asked: str | None) -> Encoder:
    """Return the encoder of that name; the first index's for none or the default. Raises as `reranker_of` does."""
    encoders = [index.opened.encoder for index in service.indexes if index.opened.encoder is not None]
    first = _required(encoders[0] if encoders else None, "encoder")
    _require_name(asked, [model.identity.name for model in encoders], "encoder")
    return next((model for model in encoders if served_name(model.identity.name) == asked), first)


def _required(model: Model | None, kind: str) -> Model:
    if model is None:
        raise RequestProblem(422, "no_model", f"the server was started without {kind}")
    return model


def _require_name(asked: str | None, names: list[str], kind: str) -> None:
    served = list(dict.fromkeys(served_name(name) for name in names))
    if asked not in (None, DEFAULT_NAME, *served):
        raise not_found(f"model: there is no {kind} {asked!r} here, but: {', '.join(served)}; or leave model out")
