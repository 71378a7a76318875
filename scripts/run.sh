#!/usr/bin/env bash
# Starts the window; where there is no display, the app without it, and says how to look at it.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/target/release

if [ -n "${DISPLAY:-}" ] || [ -n "${WAYLAND_DISPLAY:-}" ]; then
  exec "$bin/magia-app" "$@"
fi
cat <<TEXT
No display: starting without the window. In another terminal:
  $bin/magia ls               the agents' sessions
  $bin/magia permissions      what waits for an answer; then: allow ID, deny ID --reason WHY
  $bin/magia events --follow  what happens
  $bin/magia hooks install    lets Claude Code report here (--dry-run shows the change first)
Ctrl+C ends it.
TEXT
exec "$bin/magia-app" --headless "$@"
