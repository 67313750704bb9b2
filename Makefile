# Two commands are all a newcomer needs: `make run` and `make test`. Both install what is missing.
SWIFT ?= swift
STOKER := .build/release/stoker
PREFIX ?= /usr/local
# What the build links, what the tests and the linter run. Debian 12 and Ubuntu 24.04 names.
BUILD_PACKAGES := libbpf-dev libelf-dev zlib1g-dev libcrypt-dev libyaml-dev libsqlite3-dev
TEST_PACKAGES := stress-ng clang-format python3-jsonschema hwloc-nox prometheus-node-exporter \
	python3-pip gcc libc6-dev prometheus
VM_PACKAGES := qemu-system-x86 busybox-static numactl hwloc-nox debian-archive-keyring gcc \
	libc6-dev iproute2 ibverbs-providers ibverbs-utils
SYSTEMD_PACKAGES := systemd systemd-container curl bpftool
BENCH_PACKAGES := linux-perf bpftool libbpf-tools bpftrace fio stress-ng
SWIFT_SOURCES := Package.swift Sources Tests Benchmarks bpf/plugin
C_SOURCES := bpf/*.bpf.c bpf/include/*.h bpf/records/*.h Sources/CEthtool/*.c \
	Sources/CEthtool/include/*.h Sources/CNVML/*.c Sources/CNVML/include/*.h \
	Sources/CScheduler/*.c Sources/CScheduler/include/*.h \
	Sources/CService/*.c Sources/CService/include/*.h \
	Tests/GPU/*.c Tests/NVML/*.c Tests/NVML/*.h

.PHONY: run build release test test-vm test-systemd lint format bench bench-accuracy bench-overhead bench-scale bench-daemon bench-attribution \
	install docs clean

run: release
	$(STOKER) diagnose; test $$? -le 1

build: .build/packages-build
	$(SWIFT) build

# One self-contained file: libbpf, libelf, zlib and the Swift runtime are linked in.
release: .build/packages-build
	STOKER_STATIC=1 $(SWIFT) build -c release --static-swift-stdlib -Xlinker -s \
		--product stoker

test: .build/packages-build .build/packages-test
	$(SWIFT) build --build-tests
	Tests/run.sh

# Other kernels and machines with NUMA nodes, in QEMU. QUICK=1: one boot for each kernel.
test-vm: release .build/packages-vm
	Tests/VM/run.py $(if $(QUICK),--quick)

# The units under a real systemd, in a container.
test-systemd: release .build/packages-systemd
	Tests/systemd.py $(STOKER)

lint: .build/packages-test
	$(SWIFT) format lint --strict --recursive $(SWIFT_SOURCES)
	clang-format --dry-run --Werror $(C_SOURCES)

format:
	$(SWIFT) format --in-place --recursive $(SWIFT_SOURCES)
	clang-format -i $(C_SOURCES)

bench: bench-accuracy bench-overhead bench-scale bench-daemon bench-attribution

bench-accuracy: release .build/packages-bench
	Benchmarks/accuracy/run.py

bench-overhead: release .build/packages-bench
	Benchmarks/overhead/run.py

# Needs neither root nor a quiet machine: it counts CPU time.
bench-scale: .build/packages-build
	STOKER_STATIC=1 $(SWIFT) build -c release --static-swift-stdlib --product scale-bench
	.build/release/scale-bench

# Twenty simulated jobs of each kind whose true loss is known, and the table of docs/correlation.md.
bench-attribution:
	STOKER_TABLE=1 $(SWIFT) test -c release -Xswiftc -enable-testing --filter AccuracyTests \
		--package-path Benchmarks/attribution --scratch-path .build/attribution

# Beside node_exporter. For hours: Benchmarks/daemon/run.py --soak 60
bench-daemon: release .build/packages-bench .build/packages-test
	Benchmarks/daemon/run.py

# Generated references; the tests fail when they are stale.
docs: build
	.build/debug/stoker explain --markdown > docs/rules.md
	.build/debug/stoker metrics --markdown > docs/metrics.md
	.build/debug/stoker config reference > docs/configuration.md
	.build/debug/stoker config privileges > docs/privileges.md
	.build/debug/stoker config example > systemd/config.yaml

install: release
	install -D -m 755 $(STOKER) $(DESTDIR)$(PREFIX)/bin/stoker
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/share/doc/stoker
	for unit in stoker.service stoker.socket; do \
		sed 's,/usr/bin/,$(PREFIX)/bin/,; s,/usr/share/,$(PREFIX)/share/,' systemd/$$unit \
			> $(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit; done
	install -m 644 systemd/config.yaml systemd/examples/* docs/configuration.md docs/privileges.md \
		$(DESTDIR)$(PREFIX)/share/doc/stoker

clean:
	$(SWIFT) package clean
	rm -f .build/packages-*

.build/packages-%: packaging/install-packages Makefile
	@mkdir -p .build
	@packaging/install-packages $(if $(filter build,$*),$(BUILD_PACKAGES)) \
		$(if $(filter test,$*),$(TEST_PACKAGES)) $(if $(filter vm,$*),$(VM_PACKAGES)) \
		$(if $(filter systemd,$*),$(SYSTEMD_PACKAGES)) $(if $(filter bench,$*),$(BENCH_PACKAGES))
	@touch $@
