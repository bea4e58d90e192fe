"""An exercise's routes as the stacks' templates need them: named, and with parameters in each framework's notation."""

from __future__ import annotations

import re

from msgspec import Struct

from coach.model import Route

_PARAMETER = re.compile(r"\{(\w+)\}")


class Handler(Struct, frozen=True):
    """A route as templates see it."""

    method: str
    path: str
    task: int
    summary: str
    body: str
    query: str
    answers: tuple[int, ...]
    name: str
    """A name for a function or a request, such as `get_notes_by_id`."""
    ids: dict[str, str]
    """Each parameter of the path, with the name of the request that creates what it stands for, or with nothing."""

    def path_with(self, notation: str, *, python: bool = False) -> str:
        """Return the path with parameters in the notation of a framework, where `*` is the name: `:*`, `<*>`.

        With `python`, names are written as Python names variables.
        """
        return _PARAMETER.sub(lambda found: notation.replace("*", _snake(found[1]) if python else found[1]), self.path)

    def arguments(self, annotation: str = "", body: str = "") -> str:
        """Return what a Python function for this route takes: its parameters, and `body` where it expects one."""
        parameters = [_snake(name) + annotation for name in self.ids]
        return ", ".join([*parameters, *([body] if body and self.body else [])])

    def request_path(self) -> str:
        """Return the path for `requests.http`: a parameter is the id in an earlier answer, or else a variable."""

        def value(name: str) -> str:
            creator = self.ids[name]
            return "{{" + (f"{creator}.response.body.$.id" if creator else name) + "}}"

        return _PARAMETER.sub(lambda found: value(found[1]), self.path)


def handlers(routes: tuple[Route, ...]) -> list[Handler]:
    """Prepare routes for templates, in the order in which the exercise gives them."""
    creators = {route.path: _name(route) for route in routes if route.method == "POST"}
    return [
        Handler(
            method=route.method,
            path=route.path,
            task=route.task,
            summary=route.summary,
            body=route.body,
            query=route.query,
            answers=route.answers,
            name=_name(route),
            ids={
                found[1]: creators.get(route.path[: found.start()].rstrip("/"), "")
                for found in _PARAMETER.finditer(route.path)
            },
        )
        for route in routes
    ]


def _name(route: Route) -> str:
    """Name a route after its method and path: `GET /notes/{id}` becomes `get_notes_by_id`."""
    words = [_snake(part) for part in re.split(r"\W+", _PARAMETER.sub(r"by_\1", route.path)) if part]
    return "_".join([route.method.lower(), *(words or ["root"])])


def _snake(name: str) -> str:
    """Return a name as Python writes variables: `userId` becomes `user_id`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
