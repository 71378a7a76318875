#!/usr/bin/env bash
# Measures the figures of the README on the release programs, which `make build` has put into target/release.
#   scripts/bench.sh [--markdown] [--only handler,burst,gate,window,crowd,desktop,scroll,pages,list,ide,otlp,terminal,vte,view,flood]
# Everything runs in private directories and on a display of its own, and ends with the benchmark, by id.
set -euo pipefail
cd "$(dirname "$0")/.."

for program in magia-app magia magia-hook-handler; do
  if [ ! -x "target/release/$program" ]; then
    echo "error: target/release/$program is missing: run \`make build\` first" >&2
    exit 1
  fi
done
missing=()
for tool in nc Xvfb openbox xprop dunst xfce4-panel alacritty; do
  command -v "$tool" >/dev/null || missing+=("$tool")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "error: not installed: ${missing[*]}" >&2
  echo "hint: scripts/deps.sh bench installs netcat-openbsd, xvfb, openbox, x11-utils, dunst, xfce4-panel and alacritty" >&2
  exit 1
fi
# The traditional netcat knows no -U and no -N.
if ! nc -h 2>&1 | grep -q OpenBSD; then
  echo "error: nc is not OpenBSD's: install netcat-openbsd" >&2
  exit 1
fi

cargo build --release --package magia-bench
cargo build --release --package magia-app --example terminal --example bench_frames
install -m 755 target/release/examples/bench_frames target/release/magia-bench-frames
scripts/static.sh magia-bench-launcher
# A workspace of its own, since it has another egui.
case "$*" in *--only*) peers=0; [[ "$*" == *view* ]] && peers=1 ;; *) peers=1 ;; esac
if [ "$peers" = 1 ]; then
  cargo build --release --manifest-path bench/peers/egui_term/Cargo.toml --target-dir target/peers
  install -m 755 target/peers/release/magia-peer-egui-term target/release/magia-peer-egui-term
fi
exec target/release/magia-bench "$@"
