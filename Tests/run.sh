#!/bin/sh
# All tests of what `swift build --build-tests` built. STOKER_TEST_PROBES=1: this machine lets
# probes load, so a test that skips them has failed.
cd "$(dirname "$0")/.." || exit 1
status=0
stoker=.build/debug/stoker

# Whole machines are written as trees of small files: a minute on a disk, seconds in memory.
room=$(df -k --output=avail /dev/shm 2>/dev/null | tail -n 1)
if [ -w /dev/shm ] && [ "${room:-0}" -gt 1000000 ]; then
	export TMPDIR=/dev/shm
fi

# The tests of GPUs need the fake library; they are skipped, and say so, where it is missing.
Tests/NVML/build.sh || status=1

# Kernel tests measure this machine: the rest must not run beside them.
${SWIFT:-swift} test --skip-build --skip KernelTests || status=1
${SWIFT:-swift} test --skip-build --filter KernelTests || status=1

Tests/cli.py "$stoker" || status=1
Tests/recording.py "$stoker" || status=1
Tests/topology.py "$stoker" || status=1
Tests/fabric.py "$stoker" || status=1
Tests/nvml.py "$stoker" || status=1
Tests/gpu.py "$stoker" || status=1
Tests/metrics.py "$stoker" || status=1
Tests/daemon.py "$stoker" || status=1
Tests/crowd.py "$stoker" || status=1
Tests/page.py || status=1

if ! "$stoker" metrics --markdown | cmp -s - docs/metrics.md; then
	echo "docs/metrics.md is stale: run make docs, and commit it" >&2
	status=1
fi
if ! "$stoker" explain --markdown | cmp -s - docs/rules.md; then
	echo "docs/rules.md is stale: run make docs, and commit it" >&2
	status=1
fi
# What scipy said when the fixture was written is what it says now; 77: it is not installed here.
Tests/CorrelationTests/reference.py --check
case $? in
0) ;;
77) echo "skipped: no scipy to compare the statistics with" >&2 ;;
*) status=1 ;;
esac
exit $status
