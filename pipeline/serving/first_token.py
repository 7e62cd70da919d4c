"""A BERT classifier whose last layer computes only the first token, the only one its head reads.

Keys and values are still computed for all tokens; query, attention and feed-forward only once per row. This saves five
sixths of the layer's matrix products and the logits are the same. Importing this module imports torch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers.models.bert.modeling_bert import BertForSequenceClassification, BertSelfAttention


class ShortLastLayer(torch.nn.Module):
    """A classifier that `reads_first_token_alone`, with a last layer that computes the given number of tokens.

    For inference only: no dropout. It replaces parts of the given model's last layer, so that model must not be used
    on its own any more.
    """

    def __init__(self, model: BertForSequenceClassification) -> None:
        super().__init__()
        self.model = model
        attention: Any = model.bert.encoder.layer[-1].attention
        self._attention = attention.self = _LeadingAttention(attention.self)
        self._output = attention.output = _LeadingOutput(attention.output)

    def forward(self, n_tokens: int | torch.Tensor, **inputs: torch.Tensor) -> Any:
        """Return the model's output; the logits do not depend on `n_tokens`, from 1 to all."""
        self._attention.n_tokens = self._output.n_tokens = n_tokens
        return self.model(**inputs)


class _LeadingAttention(torch.nn.Module):
    """The attention of the first tokens, with the weights of the block that it replaces.

    Returns a pair of context and weights, as the library's attention does, and ignores other arguments.
    """

    n_tokens: int | torch.Tensor = 1

    def __init__(self, attention: BertSelfAttention) -> None:
        super().__init__()
        self.query, self.key, self.value = attention.query, attention.key, attention.value
        self.n_heads: int = attention.num_attention_heads
        self.head_dim: int = attention.attention_head_size

    def forward(
        self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, None]:
        query = self._by_head(self.query(hidden_states[:, : self.n_tokens]))  # (rows, heads, n_tokens, head_dim)
        key = self._by_head(self.key(hidden_states))  # (rows, heads, tokens, head_dim)
        value = self._by_head(self.value(hidden_states))  # (rows, heads, tokens, head_dim)
        mask = (
            None if attention_mask is None else attention_mask[:, :, : self.n_tokens]
        )  # (rows, 1, n_tokens or 1, tokens)
        context = scaled_dot_product_attention(query, key, value, mask)  # (rows, heads, n_tokens, head_dim)
        return context.transpose(1, 2).flatten(2), None  # (rows, n_tokens, dim)

    def _by_head(self, states: torch.Tensor) -> torch.Tensor:
        return states.view(*states.shape[:2], self.n_heads, self.head_dim).transpose(1, 2)


class _LeadingOutput(torch.nn.Module):
    """Adds the states of only the first tokens, in place of a block that adds all."""

    n_tokens: int | torch.Tensor = 1

    def __init__(self, output: torch.nn.Module) -> None:
        super().__init__()
        self.output = output

    def forward(self, context: torch.Tensor, hidden_states: torch.Tensor) -> torch.Tensor:
        value: torch.Tensor = self.output(context, hidden_states[:, : self.n_tokens])  # (rows, n_tokens, dim)
        return value


def reads_first_token_alone(model: torch.nn.Module) -> bool:
    """Return whether `ShortLastLayer` supports the model: a plain BERT classifier with an ordinary attention mask."""
    # A subclass may read other tokens.
    if type(model) is not BertForSequenceClassification:
        return False
    config = model.config
    return bool(
        config._attn_implementation in {"eager", "sdpa"}  # others mask differently
        and not config.is_decoder
        and not config.add_cross_attention
        and config.chunk_size_feed_forward == 0
        # Older versions of transformers add distances to the scores.
        and getattr(config, "position_embedding_type", "absolute") == "absolute"
        and config.num_hidden_layers > 0
        and type(model.bert.encoder.layer[-1].attention.self) is BertSelfAttention  # type: ignore[union-attr]
    )
