#!/usr/bin/env bash
# Builds a small program as a static one, into target/release.
#   scripts/static.sh magia-hook-handler
set -euo pipefail
cd "$(dirname "$0")/.."
program=$1
# By a call of its own: the flags that make it static must reach it alone.
if target=$(scripts/musl.sh); then
  built=target/$target/handler
  for_musl=(--target "$target")
else
  built=target/handler
  for_musl=()
fi
cargo rustc --package "$program" --profile handler --bin "$program" ${for_musl[@]+"${for_musl[@]}"} -- \
  -C target-feature=+crt-static -C relocation-model=static
mkdir -p target/release
install -m 755 "$built/$program" "target/release/$program"
