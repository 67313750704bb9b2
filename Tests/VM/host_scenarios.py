"""Interrupts, fragmented memory and quotas: how each fault is made, and how the kernel proves it."""

import re

from scenario import Scenario

HUGE = "/sys/kernel/mm/transparent_hugepage"
# A fresh buffer of huge pages of node 0 some thirty times a second.
HUGE_JOB = "--bind 0 --thp-mib 8 --period-us 30000"
# What stays free on a node that is taken to pieces.
SPARE_MIB = 64
# Interrupts a second that the traffic must raise on one CPU. Under TCG each one costs some 20 us.
LEAST_INTERRUPTS = 500
# Between two frames: without a pause the card is polled, and hardly interrupts any more.
PAUSE_US = 50
SECONDS = 6


def nic_vectors(scene):
    guest, shape = scene.guest, scene.shape
    names = dict(line.split() for line in guest.do(
        "cd /sys/class/net; for n in eth*; do echo $(cat $n/address) $n; done").splitlines())
    receiver, sender = names["52:54:00:00:00:01"], names["52:54:00:00:00:02"]
    guest.do(f"ip link set {receiver} up; ip link set {sender} up")
    device = guest.do(f"basename $(readlink -f /sys/class/net/{receiver}/device)").strip()
    (irq,) = [label for label, (_, what) in scene.interrupts().items()
              if re.search(rf"\b{device}-input\.0$", what)]
    home = scene.cpus(0)
    scene.names["irq"] = irq
    scene.names["cpu"] = home[0]
    scene.set(f"/proc/irq/{irq}/smp_affinity_list", home[0])
    scene.start(f"traffic {sender} {shape.cpus_of(shape.network_node)[-1]} {PAUSE_US}")
    return scene.job(cpus=home[:1])


def prove_nic_vectors(scene, pid, change):
    count = change[f"irq{scene.names['irq']}@{scene.names['cpu']}"]
    scene.require(count >= LEAST_INTERRUPTS * SECONDS,
                  f"{count} interrupts of the card on CPU {scene.names['cpu']} meanwhile")


def fragment(scene, kind):
    """Takes the free memory of node 0 to pieces; the job then asks it for huge pages."""
    free = int(re.search(r"MemFree:\s+(\d+)", scene.guest.read(
        "/sys/devices/system/node/node0/meminfo"))[1]) >> 10
    scene.set("/proc/sys/vm/compaction_proactiveness", 0)
    scene.set(f"{HUGE}/khugepaged/defrag", 0)
    # While it takes what whole blocks are left, nothing is put together again.
    scene.set(f"{HUGE}/defrag", "never")
    scene.start(f"fragment {free - SPARE_MIB} 0 {kind}")


def compaction(scene):
    fragment(scene, "pinned")
    scene.set(f"{HUGE}/defrag", "madvise")
    return scene.job(HUGE_JOB, cpus=scene.cpus(0))


def prove_compaction(scene, pid, change):
    scene.require(change["compact_stall"] > 10 and change["thp_fault_fallback"] > 50,
                  f"compact_stall {change['compact_stall']}, "
                  f"thp_fault_fallback {change['thp_fault_fallback']}")


def fragmented(scene):
    fragment(scene, "movable")
    return scene.job(HUGE_JOB, cpus=scene.cpus(0))


def prove_fragmented(scene, pid, change):
    scene.require(change["thp_fault_fallback"] > 100 and change["compact_stall"] == 0,
                  f"thp_fault_fallback {change['thp_fault_fallback']}, "
                  f"compact_stall {change['compact_stall']}")


def quota(scene):
    group = scene.group(cpu_max="30000 100000")
    return scene.job("--period-us 1000 --busy-us 3000", cpus=scene.cpus(0), group=group)


def prove_quota(scene, pid, change):
    stat = dict(line.split() for line in scene.guest.read(
        f"{scene.groups[0]}/cpu.stat").splitlines())
    scene.require(int(stat["nr_throttled"]) > 10, f"cpu.stat: {stat}")


HOST = [
    Scenario("nic-vectors", nic_vectors, prove_nic_vectors, nodes=(2, 4)),
    Scenario("compaction", compaction, prove_compaction, nodes=(2,)),
    Scenario("fragmented", fragmented, prove_fragmented, nodes=(2,)),
    Scenario("quota", quota, prove_quota, nodes=(1, 2)),
]
