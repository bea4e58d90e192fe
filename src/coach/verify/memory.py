"""What has been proved before, so that the same content is not graded again."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

import msgspec

from coach.catalog.packs import Pack, files_below
from coach.model import Exercise, Proof


class Memory:
    """Proofs without violations, kept below `folder` by a hash of all that they depend on.

    `how` says how the proof is made. What counts besides is the exercise and its grader, the templates of its stacks,
    coach's own source, and the Python that runs it. The machine's other tools are not part of it.
    """

    def __init__(self, folder: Path, pack: Pack, how: str) -> None:
        self._folder = folder / "proofs"
        self._pack = pack
        self._how = f"{how}\0{platform.python_version()}"

    def recall(self, exercise: Exercise) -> Proof | None:
        """Return the earlier proof of the same content, without its results."""
        try:
            proof = msgspec.json.decode(self._file(exercise).read_bytes(), type=Proof)
        except (OSError, msgspec.DecodeError):
            return None
        return msgspec.structs.replace(proof, known=True)

    def remember(self, exercise: Exercise, proof: Proof) -> None:
        """Keep a proof that holds; one that cannot be written is made again next time."""
        if proof.violations:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file(exercise).write_bytes(msgspec.json.encode(msgspec.structs.replace(proof, results=())))
        except OSError:
            return

    def _file(self, exercise: Exercise) -> Path:
        digest = hashlib.sha256(self._how.encode())
        digest.update(self._pack.content_hash(exercise).encode())
        source = Path(__file__).parents[1]
        for root in (source, *(root / "exercise" for root in self._pack.template_roots())):
            _update(digest, root)
        for root in self._pack.template_roots():
            for stack in ("_shared", "_parts", *exercise.stacks):
                _update(digest, root / "stacks" / stack)
        return self._folder / f"{exercise.id}-{digest.hexdigest()[:32]}.json"


def _update(digest: hashlib._Hash, root: Path) -> None:
    for name, path in files_below(root):
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
