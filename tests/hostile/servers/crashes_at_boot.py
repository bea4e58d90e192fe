"""Ends with a traceback before it listens."""

from nowhere import app

app.run()
