#!/usr/bin/env bash
# Photographs every page in both themes, at 1280x800, at 2560x1440 and at 200 %, into docs/tour/, and writes docs/tour.md.
# Everything is the demo's, on a display of its own: nothing of the user's is read or written but these files.
#   scripts/tour.sh [DIRECTORY WITH THE PROGRAMS]     SHAPES="usual" makes only some
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "${1:-target/release}")
out=docs/tour
mkdir -p "$out"
. scripts/stage.sh
stage 2600 1480
"${own[@]}" xdotool windowactivate --sync "$window" windowmove "$window" 20 20 mousemove 2599 1479
until_true "the demo's request" asks "rsync"
# Two terminals of the demo's: a run of tests, as far as it goes, and a shell.
home=$(sed -n 's/.*"home":"\([^"]*\)".*/\1/p' "$place/demo.json" | head -n 1)
mkdir "$place/bin"
cat >"$place/bin/cargo" <<'SCRIPT'
#!/bin/sh
for of in parsing:41 retries:12 invoices:27; do
  printf '\n\033[1;32m     Running\033[0m tests/%s.rs\n\nrunning %s tests\n' "${of%:*}" "${of#*:}"
  printf 'test result: \033[32mok\033[0m. %s passed; 0 failed; finished in 0.84s\n' "${of#*:}"
done
exec cat
SCRIPT
chmod 755 "$place/bin/cargo"
term() { (cd "$home/projects/webshop" && "${own[@]}" HOME="$home" PATH="$place/bin:$PATH" "$bin/magia" "$@" >/dev/null); }
term run --detach --id tests --name "cargo test" -- cargo test
term run --detach --id shell --name "shell" -- sh
until_true "the demo's question" asks "database\|?"
"${own[@]}" xdotool key --window "$window" n

# click X Y: in points, from the window's corner.
click() { "${own[@]}" xdotool mousemove --window "$window" $(($1 * zoom)) $(($2 * zoom)) click 1 mousemove 2599 1479; }
types() { "${own[@]}" xdotool type --window "$window" --delay 30 "$1"; }
set_to() { "${own[@]}" "$bin/magia" settings set "$1" "$2" >/dev/null; }
# small FILE: fewer colours; a page is flat, and a hundred of these are kept.
small() { "${own[@]}" mogrify -colors 255 -define png:format=png8 "$1"; }

# What is done to come to a page from the sessions, and what to say of it.
pages=(sessions metrics notifications settings keys palette shortcuts new-session changelog welcome reset terminals)
say_of() {
  case $1 in
    sessions) echo "Sessions: what needs you first; the request stands in its session's own flow" ;;
    terminals) echo "Terminals: tabs and splits of what outlives the window" ;;
    metrics) echo "Metrics: tokens, cost and time of one session or of all, with what hooks and tools took" ;;
    notifications) echo "Notifications: what was told, what was not, and why" ;;
    settings) echo "Settings: searched, in sections, each with its way back to the default" ;;
    keys) echo "Keys: changed by pressing another; a conflict is said where it is" ;;
    palette) echo "The palette (Ctrl+K): commands, sessions, projects and settings by a few letters" ;;
    shortcuts) echo "The keys in use (?)" ;;
    new-session) echo "A new session (Ctrl+N)" ;;
    changelog) echo "What is new" ;;
    welcome) echo "The first steps" ;;
    reset) echo "Beginning anew, for who types the word" ;;
  esac
}
go() {
  keys ctrl+shift+h
  case $1 in
    sessions) keys n ;;
    terminals) keys ctrl+grave && click 60 112 ;;
    metrics) keys ctrl+k && types "metrics of all" && keys Return ;;
    notifications) keys ctrl+k && types "notifications" && keys Return ;;
    settings) keys ctrl+comma ;;
    keys) keys ctrl+k && types "change keys" && keys Return ;;
    palette) keys ctrl+k && types "se" ;;
    shortcuts) keys question ;;
    new-session) keys ctrl+n ;;
    changelog) keys ctrl+k && types "what is new" && keys Return ;;
    welcome) keys ctrl+k && types "welcome" && keys Return ;;
    reset) keys ctrl+k && types "reset magia" && keys Return ;;
  esac
}

# A terminal has all keys but the window's own.
leave() { if [ "$1" = terminals ]; then keys ctrl+grave; else keys Escape Escape Escape; fi; }

{
  echo "# A tour in pictures"
  echo
  echo "Made by \`scripts/tour.sh\` with the demo's sessions: every page in both themes at 1280x800; then each at 2560x1440"
  echo "and at 200 %."
} >docs/tour.md
for page in "${pages[@]}"; do
  { echo; echo "## $(say_of "$page")"; echo; echo "| dark | light |"; echo "| --- | --- |"
    echo "| ![$page, dark](tour/$page-dark.png) | ![$page, light](tour/$page-light.png) |"
    echo
    echo "[2560x1440 dark](tour/$page-dark-large.png), [light](tour/$page-light-large.png);" \
      "[200 % dark](tour/$page-dark-zoomed.png), [light](tour/$page-light-zoomed.png)"
  } >>docs/tour.md
done
for shape in ${SHAPES:-usual large zoomed}; do
  case $shape in
    usual) width=1280 height=800 zoom=1 suffix= ;;
    large) width=2560 height=1440 zoom=1 suffix=-large ;;
    zoomed) width=1280 height=800 zoom=2 suffix=-zoomed ;;
  esac
  "${own[@]}" xdotool windowsize --sync "$window" "$width" "$height" || true
  set_to zoomFactor "$zoom"
  for theme in dark light; do
    set_to themeMode "$theme"
    for page in "${pages[@]}"; do
      go "$page"
      picture "$out/$page-$theme$suffix.png"
      small "$out/$page-$theme$suffix.png"
      leave "$page"
    done
  done
done
term term kill tests
term term kill shell
