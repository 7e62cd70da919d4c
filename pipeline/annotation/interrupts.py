"""Deferred interrupts (Ctrl-C)."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def first_interrupt(on_interrupt: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether there was an interrupt; a second interrupt works as usual.

    Does nothing outside the main thread, which alone gets interrupts, or if interrupts are ignored.
    """
    was_interrupted = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before in (signal.SIG_IGN, None):
        yield was_interrupted.is_set
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        was_interrupted.set()
        # In a thread: the interrupted code may be in the middle of printing.
        threading.Thread(target=on_interrupt, daemon=True).start()

    signal.signal(signal.SIGINT, handle)
    try:
        yield was_interrupted.is_set
    finally:
        signal.signal(signal.SIGINT, before)
