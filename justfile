# The same commands as in README.md and CONTRIBUTING.md; `just` alone lists them.

_default:
    @just --list

# A real call from nothing; --keep leaves it running
quickstart *ARGS:
    scripts/quickstart {{ARGS}}

# Everything that CI runs, or only the tests with these words in their names
test *FILTER:
    scripts/test {{FILTER}}

# Made-up inputs against what reads them: just fuzz config 60
fuzz *ARGS:
    scripts/fuzz {{ARGS}}

# Format the code
fmt:
    cargo fmt --all

# Formatting and clippy, as CI has them
lint:
    cargo fmt --all --check
    cargo clippy --locked --workspace --all-targets -- -D warnings
    shellcheck --external-sources scripts/bench scripts/fuzz scripts/lab scripts/offices scripts/quickstart scripts/test scripts/lib/*.sh .ci/run

# The laboratory: just lab up, just lab numbers, just lab help
lab *ARGS:
    scripts/lab {{ARGS}}

# The laboratory of enterprises: just offices up .lab/offices, just offices help
offices *ARGS:
    scripts/offices {{ARGS}}

# The figures of docs/performance.md: just bench all, just bench limit --short
bench *ARGS:
    scripts/bench {{ARGS}}

# Licences, banned crates and sources of dependencies (needs cargo-deny)
deny:
    cargo deny --locked check licenses bans sources
