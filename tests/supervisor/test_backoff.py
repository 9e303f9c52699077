"""Delays between attempts."""

from server.supervisor.backoff import Backoff


def failed_starts(backoff: Backoff, num: int) -> list[float]:
    return [backoff.next_delay(now=0.0) for _ in range(num)]


def crash(backoff: Backoff, *, after_seconds: float) -> float:
    backoff.note_ready(now=1000.0)
    return backoff.next_delay(now=1000.0 + after_seconds)


def test_delays_double_from_half_a_second_to_a_minute() -> None:
    assert failed_starts(Backoff(), 9) == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]


def test_weeks_of_failures_do_not_overflow() -> None:
    assert failed_starts(Backoff(), 3000)[-1] == 60


def test_the_first_crash_costs_no_delay() -> None:
    assert crash(Backoff(), after_seconds=1) == 0


def test_the_first_crash_costs_no_delay_even_after_a_hard_beginning() -> None:
    backoff = Backoff()
    failed_starts(backoff, 8)
    assert crash(backoff, after_seconds=1) == 0


def test_crashes_in_a_row_are_slowed_down_although_each_start_succeeds() -> None:
    backoff = Backoff()
    assert [crash(backoff, after_seconds=5) for _ in range(5)] == [0, 0.5, 1, 2, 4]


def test_failed_starts_after_a_crash_are_slowed_down() -> None:
    backoff = Backoff()
    crash(backoff, after_seconds=5)
    assert failed_starts(backoff, 3) == [1, 2, 4]


def test_a_minute_of_readiness_makes_up_for_all_crashes() -> None:
    backoff = Backoff()
    for _ in range(5):
        crash(backoff, after_seconds=5)
    assert crash(backoff, after_seconds=60) == 0
    assert crash(backoff, after_seconds=59) == 0.5
