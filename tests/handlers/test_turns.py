"""Large pictures get a small share of a worker's time while others ask, and all of it while nobody does."""

from __future__ import annotations

from handlers.turns import SHARE, Turns


class Clock:
    """A clock that stands still until it is set."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_while_nobody_else_asks_they_follow_one_another() -> None:
    turns = Turns(Clock())
    for _ in range(3):
        assert turns.may_answer_large()
        turns.note_large(took_s=2.0)


def test_while_others_ask_they_get_their_share() -> None:
    clock = Clock()
    turns = Turns(clock)
    turns.note_small()
    assert turns.may_answer_large(), "none was answered before"
    turns.note_large(took_s=2.0)
    turns.note_small()
    waits_s = 2.0 / SHARE - 2.0
    clock.now_s = waits_s - 0.1
    assert not turns.may_answer_large()
    clock.now_s = waits_s
    assert turns.may_answer_large()


def test_once_others_have_stopped_asking_nothing_is_kept_waiting_by_a_later_one() -> None:
    clock = Clock()
    turns = Turns(clock)
    turns.note_small()
    turns.note_large(took_s=2.0)
    assert turns.may_answer_large()
    turns.note_small()
    assert not turns.may_answer_large()


def test_once_nobody_is_known_to_ask_a_large_one_waits_no_longer() -> None:
    turns = Turns(Clock())
    turns.note_large(took_s=2.0)
    turns.note_small()
    assert not turns.may_answer_large()
    turns.note_nobody()
    assert turns.may_answer_large()
