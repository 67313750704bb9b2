"""What every boot is asked besides the scenarios: does each probe load, and is the map right?"""

import pathlib
import re
import stat
import subprocess

from expected import LIMITED_SIGNALS, MISSING_HOOKS
from scenario import Missed

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROBES = sorted(path.name.removesuffix(".bpf.c") for path in ROOT.glob("bpf/*.bpf.c"))
ROW = re.compile(r"^  (ok|missing|refused|degraded) +(\S+)(?: +(\S.*))?$")


def section(text, heading):
    """The rows of one section of `stoker check`: (state, name, rest)."""
    lines = text.split(f"\n{heading}\n", 1)
    rows = lines[1].split("\n\n", 1)[0].splitlines() if len(lines) > 1 else []
    return [match.groups() for match in map(ROW.match, rows) if match]


def load_test(guest, shape, kernel):
    """`stoker check` loads and attaches every program of every object for real."""
    answer = guest.type("stoker check")
    if answer.status:
        raise Missed(f"check: status {answer.status}: {answer.err.strip()} {answer.out[:600]}")
    attached, missing = {}, set()
    for state, probe, rest in section(answer.out, "Probes"):
        hook = re.search(r"tp_btf/(\w+)|(all hooks)|[a-z_]+/(\w+)", rest or "")
        name = next(filter(None, hook.groups())) if hook else rest
        if state == "ok":
            attached.setdefault(probe, []).append(name)
        elif state == "refused":
            raise Missed(f"{probe}: {kernel.series} refuses {name}: {rest}")
        else:
            missing.add(name)
    # One memory node leaves the NUMA probe nothing to see, and no GPU that of its driver.
    wanted = [probe for probe in PROBES
              if probe != "gpu" and (probe != "numa" or shape.nodes > 1)]
    without = [probe for probe in wanted if probe not in attached]
    if set(attached) - set(wanted):
        raise Missed(f"attached without need: {sorted(set(attached) - set(wanted))}")
    if without:
        raise Missed(f"no program of {', '.join(without)} is attached; check said:\n{answer.out}")
    if missing != MISSING_HOOKS[kernel.series]:
        raise Missed(f"missing hooks {sorted(missing)}, expected "
                     f"{sorted(MISSING_HOOKS[kernel.series])}")
    signals = {name: state for state, name, _ in section(answer.out, "Signals")}
    limited = {name: state for name, state in signals.items() if state != "ok"}
    if limited != LIMITED_SIGNALS:
        raise Missed(f"limited signals {limited}, expected {LIMITED_SIGNALS}; check said:\n"
                     f"{answer.out}")
    counts = ", ".join(f"{probe} {len(hooks)} hooks" for probe, hooks in attached.items())
    return f"{counts}; {len(signals)} signals"


def machine(guest, shape, kernel):
    """The guest is what was asked for: nodes, devices on their nodes, several queues."""
    nodes = guest.do("ls -d /sys/devices/system/node/node*").split()
    if len(nodes) != shape.nodes:
        raise Missed(f"{len(nodes)} nodes, not {shape.nodes}")
    siblings = guest.do("cat /sys/devices/system/cpu/cpu0/topology/thread_siblings_list").strip()
    if (siblings != "0") != (shape.threads > 1):
        raise Missed(f"hardware threads of CPU 0: {siblings}, not {shape.threads}")
    places = guest.do(
        "cat /sys/class/nvme/nvme0/device/numa_node; "
        "for n in /sys/class/net/eth*; do "
        "grep -q 52:54:00:00:00:01 $n/address && cat $n/device/../numa_node; done; true").split()
    wanted = [str(shape.nvme_node), str(shape.network_node)]
    if places != wanted:
        raise Missed(f"NVMe and network card on nodes {places}, not {wanted}")
    queues = int(guest.do("grep -c 'nvme0q[1-9]' /proc/interrupts"))
    if queues < 2:
        raise Missed(f"the NVMe has {queues} queues")
    return f"{len(nodes)} nodes, NVMe on node {wanted[0]} with {queues} queues, card on " \
        f"node {wanted[1]}"


def topology(guest, shape, kernel, folder):
    """The map of `stoker topology` against that of lstopo, by the test that compares them."""
    script = ROOT / "Tests/topology.py"
    if not script.exists():
        return None
    answer = guest.type("stoker topology --format json")
    if answer.status:
        raise Missed(f"topology: status {answer.status}: {answer.err.strip()}")
    (folder / "topology.json").write_text(answer.out)
    (folder / "lstopo.xml").write_text(guest.do("lstopo-no-graphics --of xml --whole-io --disallowed"))
    # The comparison asks a command for the map: this one repeats what the guest said.
    repeat = folder / "stoker"
    repeat.write_text(f"#!/bin/sh\nexec cat '{folder}/topology.json'\n")
    repeat.chmod(repeat.stat().st_mode | stat.S_IXUSR)
    done = subprocess.run([script, repeat, folder / "lstopo.xml"], capture_output=True, text=True,
                          timeout=60, check=False)
    if done.returncode:
        raise Missed(f"topology: {(done.stdout + done.stderr).strip()[-600:]}")
    return (done.stdout.strip().splitlines() or ["same as lstopo"])[-1]
