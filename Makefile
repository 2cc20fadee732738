# The commands of the project. `make demo` and `make test` need a Rust toolchain and nothing else:
# what else is used is installed by `make deps` (Debian packages, when root).

CARGO ?= cargo
TARGET := x86_64-unknown-linux-gnu
TARGET_DIR := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)/$(TARGET)
COOPER := $(TARGET_DIR)/release/cooper

# Real components that the tests talk to. mmdebstrap makes the Debian base.
PACKAGES := docker-registry skopeo umoci runc podman buildah crun busybox-static mmdebstrap apache2-utils \
            openssl ca-certificates uidmap python3 git

.PHONY: demo test deps unit e2e lint deny bench bench-step crash fuzz fmt conformance differential corpus

demo: $(COOPER)
	@COOPER=$(abspath $(COOPER)) tests/demo.sh

$(COOPER): FORCE
	$(CARGO) build --release --locked

FORCE:

# Everything that CI runs.
test: deps lint unit e2e

deps:
	@tests/deps.sh $(PACKAGES)

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

unit:
	$(CARGO) test --locked --workspace --exclude cooperage-tests --exclude cooperage-executor
	$(CARGO) test --locked -p cooperage-executor --lib --test plans
	CARGO="$(CARGO)" tests/tiers.sh

e2e: $(COOPER)
	COOPER=$(abspath $(COOPER)) $(CARGO) test --locked -p cooperage-tests

# The conformance corpus by cooper alone; UPDATE_FIXTURES=1 writes what is expected, CASE=text chooses (docs/conformance).
conformance: $(COOPER)
	COOPER=$(abspath $(COOPER)) $(CARGO) test --locked -p cooperage-tests --test conformance

# The same by others too: Debian's buildah, and BuildKit if BUILDCTL and BUILDKIT_HOST name one that runs.
differential: $(COOPER)
	COOPER=$(abspath $(COOPER)) $(CARGO) test --locked -p cooperage-tests --test differential -- --ignored

# Our own time around a RUN step: 50 trivial steps (docs/performance.md).
bench-step: $(COOPER)
	COOPER=$(abspath $(COOPER)) tests/bench-step.sh

# 200 kill -9 at random moments of a build loop (docs/crash-campaign.md).
crash: $(COOPER)
	COOPER=$(abspath $(COOPER)) tests/crash.sh 200

# Each fuzz target for FUZZ_SECONDS (docs/fuzzing.md).
FUZZ_SECONDS ?= 60
fuzz:
	tests/fuzz.sh $(FUZZ_SECONDS)

deny:
	cargo deny check

fmt:
	$(CARGO) fmt --all

# Real Dockerfiles below CORPUS, with other parsers as oracles (docs/conformance/corpus.md).
corpus:
	$(CARGO) run --locked -p cooperage-frontend --example corpus -- $(CORPUS)
