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

# Instructions for a send, a receive, a spawn, an exit; `--check` compares with benches/counts.txt, `--renew` writes it.
counts *flags:
    benches/counts.sh {{ flags }}

# What decides whether a change may be merged.
ci:
    .ci/run
