# What developers run. `check` only reads; `fix` rewrites.

default:
    @just --list

# Everything a change must pass, without writing to any source file.
check: format clippy test doc deny

format:
    cargo fmt --all --check
    cargo fmt --manifest-path fuzz/Cargo.toml --check

clippy:
    cargo clippy --workspace --all-targets --locked -- -D warnings

test:
    cargo test --workspace

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# Needs cargo-deny. A `wrapper` may use the crate, it need not.
deny:
    cargo deny --locked check --allow unused-wrapper bans licenses sources

# Known holes in dependencies; fetches the advisory database.
advisories:
    cargo deny --locked check advisories

# Formats, and applies what clippy can apply by itself.
fix:
    cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged
    cargo fmt --all
    cargo fmt --manifest-path fuzz/Cargo.toml

# All benches, or those named: `just bench send ask`.
bench *names:
    cargo bench --package perilune-benches {{ if names == "" { "" } else { "--bench " + replace(names, " ", " --bench ") } }}

# The figures of docs/reliability.md in full size, on a machine that does nothing else: half an hour.
figures:
    PERILUNE_FULL=1 cargo test --release --package perilune-exec-native --tests --no-fail-fast -- --nocapture --test-threads=1
    PERILUNE_FULL=1 cargo test --release --package perilune-supervisor --tests --no-fail-fast -- --nocapture --test-threads=1

# Instructions for a send, a receive, a spawn, an exit; `--check` compares with benches/counts.txt, `--renew` writes it.
counts *flags:
    benches/counts.sh {{ flags }}

# Looks for wrong uses of memory, and for leaks, in everything with `unsafe` in it and in Luau. Needs a nightly, and Linux.
# Tests of how much memory something takes mean nothing there.
sanitize:
    RUSTFLAGS="-Zsanitizer=address" LUAU_CXXFLAGS="-fsanitize=address" \
        cargo +nightly test --target "$(rustc -vV | sed -n 's/^host: //p')" --target-dir target/sanitize --lib --tests \
        --package perilune-lua-bindings --package perilune-runtime --package perilune-exec-native -- --skip little_memory

# What decides whether a change may be merged.
ci:
    .ci/run
