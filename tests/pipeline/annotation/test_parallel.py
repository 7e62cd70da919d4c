"""Parallel work: results come in order, and work stops when told."""

from __future__ import annotations

import threading

import pytest

from claimhound.pipeline.annotation.parallel import in_order


def test_results_come_in_the_order_of_the_tasks():
    second_done = threading.Event()

    def work(tool, task):
        if task == 0:
            assert second_done.wait(60)
        if task == 1:
            second_done.set()
        return task * 10

    found = list(in_order(["left", "right"], range(5), work))
    assert found == [(0, 0), (1, 10), (2, 20), (3, 30), (4, 40)]


def test_no_tool_is_used_twice_at_a_time():
    at_work: set[str] = set()

    def work(tool, task):
        assert tool not in at_work
        at_work.add(tool)
        at_work.remove(tool)
        return tool

    assert {tool for _, tool in in_order(["a", "b", "c"], range(300), work)} <= {"a", "b", "c"}


def test_once_stopped_running_tasks_finish_and_no_more_are_started():
    begun = []

    def work(tool, task):
        begun.append(task)
        return task

    stopped = threading.Event()
    found = []
    for task, _ in in_order(["a", "b"], range(100), work, is_stopped=stopped.is_set):
        found.append(task)
        if task == 3:
            stopped.set()
    # One more task was running, on the other tool.
    assert found == begun == [0, 1, 2, 3, 4]


def test_an_error_is_raised_at_its_turn_and_ends_the_work():
    def work(tool, task):
        if task == 2:
            raise ValueError("two")
        return task

    found = []
    with pytest.raises(ValueError, match="two"):
        for task, _ in in_order(["a", "b", "c", "d"], range(100), work):
            found.append(task)
    assert found == [0, 1]
