"""What the supervisor's children are given."""

from __future__ import annotations

import pytest

from server.supervisor.launcher import BINDING_VARIABLES, engine_environment

BINDING = {"OMP_PROC_BIND": "true", "OMP_PLACES": "cores"}


def test_threads_that_are_one_for_each_core_are_bound_to_them() -> None:
    assert engine_environment({"HOME": "/root"}, has_all_cores=True) == {"HOME": "/root", **BINDING}


def test_fewer_or_more_threads_are_left_to_the_kernel() -> None:
    assert engine_environment({"HOME": "/root"}, has_all_cores=False) == {"HOME": "/root"}


@pytest.mark.parametrize("name", sorted(BINDING_VARIABLES))
def test_who_has_decided_where_threads_run_is_not_overruled(name: str) -> None:
    assert engine_environment({name: "false"}, has_all_cores=True) == {name: "false"}
