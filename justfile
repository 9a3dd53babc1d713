# The same commands as in README.md and CONTRIBUTING.md; `just` alone lists them.

_default:
    @just --list

# A real call from nothing; --keep leaves it running
quickstart *ARGS:
    scripts/quickstart {{ARGS}}

# The fast loop, without a laboratory: formatting, clippy, units, ladder, traces
check:
    scripts/check

# Everything that CI runs, or only the tests with these words in their names
test *FILTER:
    scripts/test {{FILTER}}

# Made-up inputs against what reads them: just fuzz config 60
fuzz *ARGS:
    scripts/fuzz {{ARGS}}

# Format the code
fmt:
    cargo fmt --all

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
