"""What `bench start` reads from a stack's log."""

from benchmarks.start import ready_after


def test_services_and_their_times_are_read_from_the_log() -> None:
    log = """\
2026-05-04 10:00:01 MongoDB is ready after 1.2 s
2026-05-04 10:00:09 model server is ready after 8.0 s
2026-05-04 10:00:10 web app restarted
2026-05-04 10:00:12 web app is ready after 2.5 s"""

    assert ready_after(log) == {"MongoDB": 1.2, "model server": 8.0, "web app": 2.5}
