"""Memory and threads on the wrong nodes: how each fault is made, and how the kernel proves it."""

from scenario import Scenario

BALANCING = "/proc/sys/kernel/numa_balancing"
SCANS = "/sys/kernel/debug/sched/numa_balancing"
NODES = "/sys/devices/system/node"
SMALL_PAGES = 256  # in a MiB


def well_placed(scene):
    return scene.job("--loaders 2", cpus=scene.cpus(0))


def prove_well_placed(scene, pid, change):
    pages = scene.pages_by_node(pid)
    scene.require(pages.get(0, 0) > 0.95 * sum(pages.values()), f"memory by node: {pages}")


def far_memory(scene):
    far = scene.names["far"]
    return scene.job(f"--bind {far} --mib 64", cpus=scene.cpus(0))


def prove_far_memory(scene, pid, change):
    pages, far = scene.pages_by_node(pid), scene.names["far"]
    scene.require(pages.get(far, 0) > 0.8 * sum(pages.values()), f"memory by node: {pages}")


def drifting(scene):
    scene.set(BALANCING, 0)
    first, last = (scene.cpus(node)[0] for node in (0, scene.names["far"]))
    return scene.job(f"--feeders {first},{last} --period-us 4000")


def prove_drifting(scene, pid, change):
    """The CPU that the launch thread last ran on, field 39 of /proc/PID/stat, looked at often."""
    seen = scene.guest.do(
        "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do "
        f"sed 's/.*) //' /proc/{pid}/stat | cut -d' ' -f37; sleep 0.05; done").split()
    nodes = {int(cpu) * scene.shape.nodes // scene.shape.cpus for cpu in seen}
    scene.require(len(nodes) > 1, f"the launch thread stayed on CPUs {sorted(set(seen))}")


def churning(scene, mode):
    scene.set(f"{SCANS}/scan_delay_ms", 100)
    scene.set(f"{SCANS}/scan_period_max_ms", 200)
    scene.set(f"{SCANS}/scan_period_min_ms", 100)
    scene.set(BALANCING, mode)
    other = scene.cpus(scene.names["far"])[0]
    return scene.job(f"--small-pages --mib 64 --busy-us 6000 --sharers {other}",
                     cpus=scene.cpus(0)[:1])


def balancing_churn(scene):
    return churning(scene, 1)


def prove_churn(scene, pid, change):
    scene.require(change["numa_pte_updates"] > 10_000 and change["numa_hint_faults"] > 1000,
                  f"pte_updates {change['numa_pte_updates']}, "
                  f"hint_faults {change['numa_hint_faults']}, "
                  f"migrated {change['numa_pages_migrated']}")


def balancing_off(scene):
    """The same job with balancing off: what is left must not be blamed on balancing."""
    return churning(scene, 0)


def prove_no_churn(scene, pid, change):
    scene.require(change["numa_hint_faults"] == 0, f"hint_faults {change['numa_hint_faults']}")


def hugetlb_wrong_node(scene):
    home, far = scene.names["home"], scene.names["far"]
    files = [f"{NODES}/node{node}/hugepages/hugepages-2048kB/nr_hugepages" for node in (home, far)]
    scene.set(files[0], 0)
    scene.set(files[1], 32)
    return scene.job("--huge-mib 48", cpus=scene.cpus(home))


def prove_hugetlb(scene, pid, change):
    far = scene.names["far"]
    pages = scene.pages_by_node(pid)
    scene.require(pages.get(far, 0) >= 48 * SMALL_PAGES * 0.9, f"memory by node: {pages}")


def wide_cpuset(scene):
    """Half of the CPUs of one node and half of the next one."""
    each = scene.shape.cpus // scene.shape.nodes
    first = each - each // 2
    group = scene.group(cpuset_cpus=f"{first}-{first + each - 1}", cpuset_mems="")
    return scene.job("--loaders 3", group=group)


def prove_wide_cpuset(scene, pid, change):
    allowed = scene.guest.do(f"grep Cpus_allowed_list /proc/{pid}/status").split()[1]
    first, last = map(int, allowed.split("-"))
    each = scene.shape.cpus // scene.shape.nodes
    scene.require(first // each != last // each, f"allowed on CPUs {allowed}")


PLACEMENT = [
    Scenario("well-placed", well_placed, prove_well_placed, nodes=(1, 2, 4)),
    Scenario("far-memory", far_memory, prove_far_memory, nodes=(2, 4)),
    Scenario("drifting", drifting, prove_drifting, nodes=(2,)),
    Scenario("balancing-churn", balancing_churn, prove_churn, nodes=(2,)),
    Scenario("balancing-off", balancing_off, prove_no_churn, nodes=(2,)),
    Scenario("hugetlb-wrong-node", hugetlb_wrong_node, prove_hugetlb, nodes=(2,)),
    Scenario("wide-cpuset", wide_cpuset, prove_wide_cpuset, nodes=(2,)),
]
