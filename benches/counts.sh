#!/usr/bin/env bash
# Counts instructions: `benches/counts.sh --check` compares with counts.txt, `--renew` writes it.
#
# Own crates are optimised for this, because what unoptimised code does tells little of what is shipped. Nothing else of
# the dev profile changes, so all dependencies, Luau among them, are those that the dev profile has built already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec env CARGO_INCREMENTAL=0 cargo bench --workspace --bench counts --profile dev --locked \
    --config profile.dev.opt-level=3 -- "$@"
