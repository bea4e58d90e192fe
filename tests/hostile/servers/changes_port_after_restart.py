"""Takes PORT on its first start, and another port on later ones."""

from echo_server import DATA, PORT, serve

mark = DATA / "started"
first = not mark.exists()
mark.touch()
serve(port=PORT if first else 0)
