"""An encoder whose job is interrupted."""

from __future__ import annotations

from pipeline_fakes import FakeEncoder


class InterruptedEncoder(FakeEncoder):
    """Is interrupted when asked for the batch after `n_done`."""

    def __init__(self, vectors, n_done):
        super().__init__(vectors)
        self._n_done = n_done

    def encode(self, texts, *, as_query=False):
        if len(self.calls) == self._n_done:
            raise KeyboardInterrupt
        return super().encode(texts, as_query=as_query)
