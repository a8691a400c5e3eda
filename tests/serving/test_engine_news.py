"""Each change of a worker's engine is told once."""

from __future__ import annotations

from dataclasses import replace

from handlers.engines.reports import EngineReport
from serving.engine_news import EngineNews, summary

INTERIM = EngineReport("retina-oct", "2.1.0", "eager bf16", "compiled", pid=1)
FINAL = replace(INTERIM, engine="compiled bf16", coming=None)
UNTIL = "retina-oct 2.1.0 answers by eager bf16 until compiled is made in the background"


def test_a_change_is_told_when_it_is_announced_and_when_all_workers_have_made_it() -> None:
    news = EngineNews()
    second = replace(INTERIM, pid=2)

    assert list(news.lines([INTERIM, second])) == [UNTIL]
    assert list(news.lines([INTERIM, second])) == []
    assert list(news.lines([FINAL, second])) == []
    assert list(news.lines([FINAL, replace(FINAL, pid=2)])) == [
        "retina-oct 2.1.0: compiled bf16 has taken over from eager bf16"
    ]
    assert list(news.lines([FINAL, replace(FINAL, pid=2)])) == []


def test_nothing_is_told_of_an_engine_that_was_there_from_the_first() -> None:
    assert list(EngineNews().lines([FINAL])) == []
    assert list(EngineNews().lines([])) == []


def test_it_is_told_why_no_other_engine_has_taken_over() -> None:
    news = EngineNews()
    assert list(news.lines([INTERIM])) == [UNTIL]
    stays = replace(INTERIM, coming=None, passed_over=["compiled: no disk", "openvino: it failed"])
    assert list(news.lines([stays])) == [
        "retina-oct 2.1.0 answers by eager bf16, as no other engine could be made: compiled: no disk; openvino: it failed"
    ]


def test_the_summary_has_a_line_for_each_engine_of_a_version() -> None:
    assert summary([INTERIM, replace(INTERIM, pid=2), replace(FINAL, pid=3)]) == [
        UNTIL,
        "retina-oct 2.1.0 answers by compiled bf16",
    ]
