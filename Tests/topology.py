#!/usr/bin/env python3
"""Compares `stoker topology` with lstopo of hwloc: NUMA nodes, packages, cores, CPUs, caches and
PCI devices. Without a second argument lstopo is run here, and both also read a described host of
two nodes; with one it is what `lstopo --of xml --whole-io --disallowed` wrote on this machine."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
# pci.ids: graphics that nothing is computed on, of management controllers and virtual machines.
ONLY_SHOW = {0x1a03, 0x102b, 0x1234, 0x1013, 0x1414, 0x1b36, 0x1af4, 0x80ee, 0x15ad}
CACHE_TYPES = {"0": "unified", "1": "data", "2": "instruction"}
OS_DEVICES = {"0": "block", "1": "gpu", "2": "network", "3": "openfabrics", "4": "dma"}


class Difference(Exception):
    """What Stoker and hwloc do not agree about."""


def cpus(text):
    """The kernel's list form, 0-3,8."""
    numbers = set()
    for part in filter(None, text.split(",")):
        low, _, high = part.partition("-")
        numbers |= set(range(int(low), int(high or low) + 1))
    return frozenset(numbers)


def bits(text):
    """hwloc's masks: 0x1,0x0000000f, 32 bits to a word, the highest first."""
    value = 0
    for word in text.split(","):
        value = value << 32 | int(word or "0", 16)
    return frozenset(n for n in range(value.bit_length()) if value >> n & 1)


# What hwloc says.

def kind(entry):
    """The kind that Stoker should give a PCI device, by its class; None: not listed."""
    found = {OS_DEVICES.get(c.get("osdev_type")) for c in entry.iter("object")}
    match = re.match(r"([0-9a-f]{4}) \[([0-9a-f]{4}):", entry.get("pci_type"))
    code, vendor = int(match[1], 16), int(match[2], 16)
    if "openfabrics" in found or code in (0x0207, 0x0208):
        return "fabric"
    if code in (0x0302, 0x1200) or code in (0x0300, 0x0380) and vendor not in ONLY_SHOW:
        return "gpu"
    if code == 0x0108 or code >> 8 == 0x01 and "block" in found:
        return "drive"
    return "network" if code in (0x0200, 0x0280) else None


def names(entry):
    wanted = {"block", "network", "openfabrics"}
    # One path of a multipath drive stands for the drive.
    return frozenset(re.sub(r"^(nvme\d+)c\d+(n\d+)$", r"\1\2", c.get("name"))
                     for c in entry.iter("object")
                     if OS_DEVICES.get(c.get("osdev_type")) in wanted)


def expected(xml):
    found = {"nodes": {}, "packages": set(), "cores": set(), "cpus": set(), "caches": set(),
             "devices": {}}
    walk(ElementTree.fromstring(xml).find("object"), None, found)
    return found


def walk(entry, near, found):
    """`near` is the CPUs of the closest object above that has any: a device belongs to them."""
    sort = entry.get("type")
    here = bits(entry.get("cpuset")) if entry.get("cpuset") else near
    if sort == "NUMANode":
        found["nodes"][int(entry.get("os_index"))] = (here, int(entry.get("local_memory", 0)))
    elif sort == "Package":
        found["packages"].add(here)
    elif sort == "Core":
        found["cores"].add(here)
    elif sort == "PU":
        found["cpus"].add(int(entry.get("os_index")))
    elif re.fullmatch(r"L\d+i?(Cache)?", sort):
        found["caches"].add((int(entry.get("depth")), CACHE_TYPES[entry.get("cache_type")],
                             int(entry.get("cache_size")), here))
    elif sort == "PCIDev" and kind(entry):
        found["devices"][entry.get("pci_busid")] = (kind(entry), names(entry), near)
    for child in entry.findall("object"):
        walk(child, here, found)


# What Stoker says.

def told(report):
    online = cpus(report["host"]["onlineCpus"])
    packages = {}
    for cpu in report["cpus"]:
        if cpu["online"]:
            packages.setdefault(cpu["package"], set()).add(cpu["id"])
    return {
        "nodes": {n["id"]: (cpus(n["cpus"]), n["memoryBytes"]) for n in report["nodes"]},
        "packages": {frozenset(p) for p in packages.values()},
        "cores": {cpus(c["siblings"]) for c in report["cpus"] if c["online"]},
        "cpus": {c["id"] for c in report["cpus"] if c["online"]},
        "caches": {(c["level"], c["type"], c["sizeBytes"], cpus(c["cpus"]))
                   for c in report["caches"]},
        "devices": {d["address"]: (d["kind"], own_names(d), place(d, online))
                    for d in report["devices"]},
    }


def own_names(device):
    """Without the names that are not those of block, network and RDMA devices."""
    other = re.compile(r"card\d+|renderD\d+|nvidia\d+|nvme\d+")
    return frozenset(n for n in device["names"] if not other.fullmatch(n))


def place(device, online):
    """hwloc puts a device of which no node is known below the whole machine."""
    return online if device["node"] is None else cpus(device["localCpus"]) & online


def compare(what, ours, theirs):
    for part in theirs:
        if ours[part] != theirs[part]:
            raise Difference(f"{what}: {part}: stoker {ours[part]}, lstopo {theirs[part]}")
    print(f"ok      {what}: " + ", ".join(f"{len(theirs[part])} {part}" for part in theirs))


def compare_here(binary):
    """A hypervisor may add or take memory between the two: three times in a row it does not."""
    for attempt in range(3):
        try:
            return compare("this machine", stoker(binary), expected(lstopo()))
        except Difference:
            if attempt == 2:
                raise


# Runs.

def stoker(binary, *arguments):
    result = subprocess.run([binary, "topology", "--format", "json", *arguments], check=True,
                            capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    return told(json.loads(result.stdout))


def lstopo(**environment):
    command = shutil.which("lstopo-no-graphics") or shutil.which("lstopo")
    if command is None:
        raise Difference("there is no lstopo: install Debian's hwloc-nox")
    # Without --disallowed the CPUs outside of our own cpuset would be missing.
    arguments = [command, "--of", "xml", "--whole-io", "--disallowed"]
    result = subprocess.run(arguments, check=True, capture_output=True, timeout=60,
                            stdin=subprocess.DEVNULL, env={**os.environ, **environment})
    return result.stdout.decode()


# A described host: two packages, a node each and one with memory alone; two threads to a core,
# numbered apart; CPUs 4 to 7 do not exist, CPU 11 is offline.

NODES = {0: [0, 1, 2, 3, 16, 17, 18, 19], 1: [8, 9, 10, 24, 25, 26, 27], 2: []}
MEMORY = {0: 3 << 30, 1: 5 << 30, 2: 7 << 30}
ONLINE = sorted(NODES[0] + NODES[1])
PCI = {
    "0000:00:03.0": ("0000:00", [], "0x010802", 0, "nvme/nvme0/nvme0n1"),
    "0000:82:00.0": ("0000:80", ["0000:80:01.0"], "0x020000", 1, "net/enp130s0"),
    "0000:83:00.0": ("0000:80", ["0000:80:02.0"], "0x030200", 1, None),
}


def mask(numbers):
    value = sum(1 << n for n in numbers)
    words = [f"{value >> 32 * w & 0xffffffff:08x}" for w in range(value.bit_length() // 32 + 1)]
    return ",".join(reversed(words))


def listed(numbers):
    return ",".join(str(n) for n in sorted(numbers))


def describe(root):
    """Writes the files that either program reads."""
    def write(path, text):
        file = pathlib.Path(root, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")

    folder = "sys/devices/system/cpu"
    for name in ["online", "present"]:
        write(f"{folder}/{name}", listed(ONLINE if name == "online" else ONLINE + [11]))
    write(f"{folder}/possible", "0-31")
    write(f"{folder}/cpu11/online", "0")
    write("proc/cpuinfo", "".join(f"processor\t: {cpu}\n\n" for cpu in ONLINE))
    write("proc/meminfo", f"MemTotal: {sum(MEMORY.values()) >> 10} kB")
    write("proc/mounts", "")
    for cpu in ONLINE:
        write_cpu(write, f"{folder}/cpu{cpu}", cpu)
    write("sys/devices/system/node/online", listed(NODES))
    write("sys/devices/system/node/possible", listed(NODES))
    for node, members in NODES.items():
        base = f"sys/devices/system/node/node{node}"
        write(f"{base}/cpumap", mask(members))
        write(f"{base}/cpulist", listed(members))
        write(f"{base}/meminfo", f"Node {node} MemTotal: {MEMORY[node] >> 10} kB\n"
                                 f"Node {node} MemFree: 4096 kB")
        write(f"{base}/distance", " ".join("10" if n == node else "21" for n in NODES))
        for cpu in members:
            link(root, f"{base}/cpu{cpu}", f"../../cpu/cpu{cpu}")
    for address, device in PCI.items():
        write_device(write, root, address, *device)
    link(root, "sys/bus/cpu/devices/cpu0", "../../../devices/system/cpu/cpu0")


def write_cpu(write, base, cpu):
    package = 0 if cpu in NODES[0] else 1
    core = cpu % 16
    siblings = [c for c in ONLINE if c % 16 == core]
    members = NODES[package]
    for name, value in [("core_id", core), ("physical_package_id", package)]:
        write(f"{base}/topology/{name}", value)
    for name, group in [("thread_siblings", siblings), ("core_cpus", siblings),
                        ("core_siblings", members), ("package_cpus", members)]:
        write(f"{base}/topology/{name}", mask(group))
        write(f"{base}/topology/{name}_list", listed(group))
    caches = [(1, "Data", 48, siblings), (1, "Instruction", 32, siblings),
              (2, "Unified", 2048, siblings), (3, "Unified", 107520, members)]
    for index, (level, sort, size, group) in enumerate(caches):
        cache = f"{base}/cache/index{index}"
        for name, value in [("level", level), ("type", sort), ("size", f"{size}K"),
                            ("shared_cpu_map", mask(group)), ("shared_cpu_list", listed(group)),
                            ("coherency_line_size", 64), ("number_of_sets", 64),
                            ("physical_line_partition", 1), ("ways_of_associativity", 8)]:
            write(f"{cache}/{name}", value)


def write_device(write, root, address, bus, bridges, code, node, child):
    path = f"sys/devices/pci{bus}"
    for function in [*bridges, address]:
        path += f"/{function}"
        write(f"{path}/class", code if function == address else "0x060400")
        write(f"{path}/vendor", "0x8086")
        write(f"{path}/device", "0x1563")
        write(f"{path}/numa_node", node)
        write(f"{path}/local_cpus", mask(NODES[node]))
        write(f"{path}/local_cpulist", listed(NODES[node]))
        link(root, f"sys/bus/pci/devices/{function}", f"../../../{path.removeprefix('sys/')}")
    if child:
        write(f"{path}/{child}/uevent", "")
        # hwloc finds devices of the operating system by their class.
        sort, name = child.split("/")[0], child.split("/")[-1]
        entry = f"sys/class/{'block' if sort == 'nvme' else sort}/{name}"
        link(root, entry, f"../../{path.removeprefix('sys/')}/{child}")
        link(root, f"{path}/{child}/device", f"../../../{address}" if sort == "net" else "../")


def link(root, path, target):
    file = pathlib.Path(root, path)
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.is_symlink():
        file.symlink_to(target)


def main():
    binary = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / ".build/debug/stoker")
    if len(sys.argv) > 2:
        theirs = expected(pathlib.Path(sys.argv[2]).read_text())
        return compare("this machine", stoker(binary.resolve()), theirs)
    compare_here(binary.resolve())
    with tempfile.TemporaryDirectory() as root:
        describe(root)
        # The x86 backend would ask the CPU that it runs on.
        theirs = expected(lstopo(HWLOC_FSROOT=root, HWLOC_COMPONENTS="linux,stop",
                                 HWLOC_THISSYSTEM="0"))
        compare("described host", stoker(binary.resolve(), "--root", root), theirs)


if __name__ == "__main__":
    try:
        main()
    except Difference as difference:
        sys.exit(f"FAILED  {difference}")
