#!/usr/bin/env bash
# Fails if a file of the sources has more than 300 lines and its head (the //! lines at its top) does not say why, in a line
# such as
#   //! Over 300 lines: the packed log and its iterator share the layout of an entry.
# It also fails if a file says so and is not that long.
set -euo pipefail
cd "$(dirname "$0")/.."

status=0
while read -r file; do
  lines=$(wc -l <"$file")
  reason=$(awk '!/^\/\/!/ { exit } /^\/\/! Over 300 lines: ./' "$file")
  if [ "$lines" -gt 300 ] && [ -z "$reason" ]; then
    echo "$file: $lines lines, and its head gives no reason: //! Over 300 lines: ..."
    status=1
  elif [ "$lines" -le 300 ] && [ -n "$reason" ]; then
    echo "$file: its head says over 300 lines, but it has $lines"
    status=1
  fi
done < <(find src crates/*/src -name '*.rs' | sort)
exit $status
