"""Grades hostile-echo: health, an echo, and a count that survives a restart."""

from coach.grading import check, expect


@check(task=1)
def test_is_healthy(api):
    """GET /health answers 200 and {"status": "ok"}"""
    expect(api.get("/health")).status(200).json({"status": "ok"})


@check(task=2)
def test_echoes(api, unique):
    """POST /echo answers 200 and the JSON that it was sent, each time"""
    for sent in ({"text": unique("first")}, {"text": unique("second")}):
        expect(api.post("/echo", json=sent)).status(200).json(sent)


@check(task=3)
def test_counts_across_a_restart(api, server):
    """POST /count goes on counting after a restart"""
    before = expect(api.post("/count")).status(200).field("count", int)
    server.restart()
    expect(api.post("/count")).status(200).json({"count": before + 1})


@check(task=1)
def test_is_still_healthy(api):
    """GET /health answers 200 after all of this"""
    expect(api.get("/health")).status(200).json({"status": "ok"})
