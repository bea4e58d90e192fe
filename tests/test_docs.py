"""The documents speak of what the code does."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = re.compile(
    r"""(?:code=|code\s=\s|else\s|return\s|(?:SubmissionError|error|Cause|Notice)\(\s*(?:code=)?)"([a-z]+(?:-[a-z]+)+|crashed|hung|tampered)\""""
)


def codes_in_the_source() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "src" / "coach").rglob("*.py"):
        found |= set(CODE.findall(path.read_text(encoding="utf-8")))
    return found


def test_every_code_that_coach_prints_is_explained() -> None:
    explained = set(re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs" / "codes.md").read_text("utf-8"), re.MULTILINE))
    found = codes_in_the_source()
    assert {"boot-crashed", "hung", "not-json", "log-flood", "install-failed", "tampered", "crashed"} <= found
    assert found <= explained


def test_links_between_documents_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 200
