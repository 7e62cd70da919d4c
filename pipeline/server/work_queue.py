"""One thread that works for all requests: what waits together is done together, and the queue has an end."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from claimhound.pipeline.server.problems import RequestProblem, too_busy

Item = TypeVar("Item")
Result = TypeVar("Result")

_RETRY_AFTER_S = 2


@dataclass(eq=False)
class _Task:
    """An item to work on; tasks of one `group` may be given to `run` together."""

    group: Hashable
    item: Any
    run: Callable[[list[Any]], Sequence[Any]]
    future: Future[Any] = field(default_factory=Future)


class WorkQueue:
    """Does the work of all requests in one thread, which owns indexes and models.

    Models use every core for one batch, so a second thread would gain nothing, and an index snapshot serves one thread
    at a time. Waiting items of one group are done in one call, up to `most_together`. Work in the background, such as
    a job's batches, is done when nothing else waits.
    """

    def __init__(self, most_waiting: int = 256, most_together: int = 16) -> None:
        self._most_waiting = most_waiting
        self._most_together = most_together
        self._waiting: deque[_Task] = deque()
        self._background: deque[_Task] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="claimhound-work", daemon=True)
        self._thread.start()

    @property
    def n_waiting(self) -> int:
        """Number of items that wait, background apart."""
        return len(self._waiting)

    @property
    def most_waiting(self) -> int:
        """Largest number of items that may wait."""
        return self._most_waiting

    async def do(
        self,
        group: Hashable,
        item: Item,
        run: Callable[[list[Item]], Sequence[Result]],
        *,
        is_admitted: bool = False,
    ) -> Result:
        """Return the result for an item; `run` gets it with others of its group, and returns a result for each.

        If `run` fails for several, each is done alone, so that an item fails by itself. `is_admitted` is for what goes
        on with a request that has been let in: it may wait beyond the bound, since it would be refused halfway. An item
        whose caller is cancelled before its turn is not worked on. Raises what `run` raises, RequestProblem 429 if the
        queue is full and 503 if the server is stopping.
        """
        task = _Task(group, item, run)
        with self._changed:
            if self._is_closed:
                raise stopping()
            if not is_admitted and len(self._waiting) >= self._most_waiting:
                raise too_busy(len(self._waiting), _RETRY_AFTER_S)
            self._waiting.append(task)
            self._changed.notify()
        try:
            result: Result = await asyncio.wrap_future(task.future)
        except asyncio.CancelledError:
            self._forget(task)  # its place is free at once, not only when its turn comes
            raise
        return result

    async def call(self, function: Callable[[], Result]) -> Result:
        """Return the result of a call that is made alone; otherwise as `do`."""
        return await self.do(object(), None, lambda _: [function()])

    def call_in_background(self, function: Callable[[], Result]) -> Result:
        """Make a call when no request waits, and return its result; for threads, which wait meanwhile.

        Raises what the function raises, and RequestProblem 503 if the server is stopping.
        """
        task = _Task(object(), None, lambda _: [function()])
        with self._changed:
            if self._is_closed:
                raise stopping()
            self._background.append(task)
            self._changed.notify()
        result: Result = task.future.result()
        return result

    def close(self) -> None:
        """Refuse new work, finish what waits and end the thread; waiting background work is refused."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while (tasks := self._next()) is not None:
            if not tasks:
                continue
            if len(tasks) > 1:
                try:
                    results = list(zip(tasks, tasks[0].run([task.item for task in tasks]), strict=True))
                except Exception:  # told below, by the item that is the cause
                    pass
                else:
                    for task, result in results:
                        task.future.set_result(result)
                    continue
            for task in tasks:
                _do_alone(task)

    def _forget(self, task: _Task) -> None:
        with self._changed:
            if task in self._waiting:
                self._waiting.remove(task)

    def _next(self) -> list[_Task] | None:
        """Return the next tasks of one group, without those that nobody waits for; None when all is done."""
        with self._changed:
            while not self._waiting and not self._background and not self._is_closed:
                self._changed.wait()
            if self._waiting:
                first = self._waiting[0]
                taken = [task for task in self._waiting if task.group == first.group][: self._most_together]
                for task in taken:
                    self._waiting.remove(task)
            elif self._is_closed:
                for task in self._background:
                    task.future.set_exception(stopping())
                self._background.clear()
                return None
            else:
                taken = [self._background.popleft()]
        return [task for task in taken if task.future.set_running_or_notify_cancel()]


def _do_alone(task: _Task) -> None:
    try:
        [result] = task.run([task.item])
    except Exception as error:
        task.future.set_exception(error)
    except BaseException as error:  # a library's panic must end neither the thread nor the event loop
        task.future.set_exception(
            RuntimeError(f"the work ended with {type(error).__name__}").with_traceback(error.__traceback__)
        )
    else:
        task.future.set_result(result)


def stopping() -> RequestProblem:
    """Return the refusal of a server that is shutting down."""
    return RequestProblem(503, "stopping", "the server is shutting down", {"Retry-After": "10"})
