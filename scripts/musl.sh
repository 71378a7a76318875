#!/usr/bin/env bash
# Prints the musl target of this machine when Rust's standard library for it is installed; else nothing, and fails.
#   scripts/musl.sh --wanted   prints it anyway, or nothing where there is none
set -euo pipefail
case $(rustc -vV | sed -n 's/^host: //p') in
  x86_64-unknown-linux-gnu) target=x86_64-unknown-linux-musl ;;
  aarch64-unknown-linux-gnu) target=aarch64-unknown-linux-musl ;;
  *) target= ;;
esac
if [ "${1:-}" = --wanted ]; then
  echo "$target"
  exit
fi
[ -n "$target" ] && [ -d "$(rustc --print target-libdir --target "$target")" ] || exit 1
echo "$target"
