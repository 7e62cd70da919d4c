"""Parallel work with results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

Tool = TypeVar("Tool")
Task = TypeVar("Task")
Result = TypeVar("Result")


def in_order(
    tools: Sequence[Tool],
    tasks: Iterable[Task],
    work: Callable[[Tool, Task], Result],
    *,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Task, Result]]:
    """Yield each task with its result, in the order of the tasks; each tool works on one task at a time.

    Once `is_stopped` returns true no more tasks are started, and the running ones are finished. An exception from
    `work` is raised at the task's turn.
    """
    free: SimpleQueue[Tool] = SimpleQueue()
    for tool in tools:
        free.put(tool)

    def run(task: Task) -> Result:
        tool = free.get()
        try:
            return work(tool, task)
        finally:
            free.put(tool)

    at_work: deque[tuple[Task, Future[Result]]] = deque()
    remaining = iter(tasks)
    with ThreadPoolExecutor(len(tools), thread_name_prefix="annotate") as threads:
        try:
            while True:
                while len(at_work) < len(tools) and not is_stopped():
                    try:
                        task = next(remaining)
                    except StopIteration:
                        break
                    at_work.append((task, threads.submit(run, task)))
                if not at_work:
                    return
                task, future = at_work.popleft()
                yield task, future.result()
        finally:
            for _, future in at_work:
                future.cancel()
