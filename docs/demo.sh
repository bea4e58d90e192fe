#!/bin/sh
# Shows coach at work in a temporary folder: the untouched starter, then the reference. Run by `make demo`.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }

say coach start phase-2-notes
coach start phase-2-notes
stack=$(sed -n 's/^stack = "\(.*\)"/\1/p' phase-2-notes/coach.toml)

say "coach grade phase-2-notes          # nothing is written yet, so this fails"
status=0
coach grade phase-2-notes || status=$?
[ "$status" -eq 1 ] || exit "$status"

coach pack render phase-2-notes solution --stack "$stack" --reference > rendered.txt
say "coach grade solution               # the reference solution"
coach grade solution

cat <<END

That was a run in a temporary folder. Now yours:

  . .venv/bin/activate
  coach start phase-2-notes
  cd phase-2-notes
  coach grade
END
