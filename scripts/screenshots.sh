#!/usr/bin/env bash
# Takes pictures of every page of the demo's window, on a display of its own, into docs/: the window in both themes,
# finding, the settings, the shortcuts, and the smallest window at 100 % and the usual one at 200 %. Nothing of the
# user's is read or written but these files.
#   scripts/screenshots.sh [DIRECTORY WITH THE PROGRAMS]
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "${1:-target/release}")
size=(1280 800)
. scripts/stage.sh
stage 1600 1000
"${own[@]}" xdotool windowactivate --sync "$window" windowsize --sync "$window" "${size[@]}" \
  windowmove "$window" 40 40 mousemove 1599 999

until_true "the demo's request" asks "rsync"
until_true "the demo's question" asks "database\|?"
# The first that needs an answer, and then the next: the words and the card of one session fill the window.
"${own[@]}" xdotool key --window "$window" n

resize() { "${own[@]}" xdotool windowsize --sync "$window" "$@"; }

for theme in light dark; do
  "${own[@]}" "$bin/magia" settings set themeMode "$theme" >/dev/null
  case $theme in
    dark) picture docs/window.png ;;
    light) picture docs/window-light.png ;;
  esac
done

keys ctrl+f
"${own[@]}" xdotool type --window "$window" --delay 60 "dist"
keys Return
picture docs/find.png
keys Escape ctrl+comma
picture docs/settings.png
keys Escape question
picture docs/shortcuts.png
keys Escape
resize 800 500
picture docs/small.png
resize "${size[@]}"
# Ten steps of a tenth each.
for _ in {1..10}; do keys ctrl+equal; done
picture docs/zoomed.png
keys ctrl+0

# What the last `make test-agents` saw: a real Claude Code that asks.
if [ -f target/tmp/real-claude.png ]; then
  install -m 644 target/tmp/real-claude.png docs/real-claude.png
  echo docs/real-claude.png
fi
