# The few commands that people use. `just --list` shows them.

# All that CI runs.
ci:
    .ci/run

# The tests.
test *arguments:
    cargo test --workspace --all-features {{arguments}}

# The tests of the Python package, in an environment of its own.
python *arguments:
    python/test {{arguments}}

# The same, with PyTorch, Keras and torch-rechub for the tests of the exporters.
python-models:
    python/test --models

# The wheel of the Python package, as it is released.
wheel:
    pip wheel --no-deps --wheel-dir target/wheels ./python

# The crash tests with every loss after two interruptions instead of a sixth of them, and with every bit of headers and a bit of every byte flipped.
crashes:
    TWINSPIRE_ALL_LOSSES=1 cargo test --all-features --lib database::tests -- --nocapture

# Formatting, lints, documentation.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --all-features -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --all-features

# The studio in a headless Chromium.
studio *arguments:
    crates/studio/e2e/run {{arguments}}

# The order of rooms and import rings.
floors:
    cargo test --test floors

# The main job, from raw logs to judged recalls.
quickstart *arguments:
    cargo run --release --features train --example quickstart -- {{arguments}}

# One fuzz target for some seconds.
fuzz target seconds="60":
    fuzz/seed
    cargo +nightly fuzz run {{target}} -- -max_total_time={{seconds}}

# The example of OpenTelemetry, which is no member of the workspace: its hundred crates would be built for every test.
opentelemetry:
    cargo check --manifest-path examples/opentelemetry/Cargo.toml

# Licences and advisories of dependencies.
deny:
    cargo deny --all-features check

# The command as it is released: optimised over all crates, stripped.
dist:
    cargo build --profile dist -p twinspire-cli
