"""Shapes of machines: nodes, distances, CPUs and PCI devices on chosen nodes, for QEMU."""

import dataclasses
import pathlib

# Below RECLAIM_DISTANCE (30): a woken thread may still be drawn to another node.
NEAR, FAR = 16, 22
# An emulator that is late must not fail the kernel's test of its timer, and the HPET, which would be
# the clock otherwise, costs an exit for each look at the time.
KERNEL_WORDS = "console=ttyS0 panic=-1 loglevel=5 no_timer_check tsc=reliable " \
    "nvme_core.multipath=N"


@dataclasses.dataclass(frozen=True)
class Shape:
    """8 CPUs on one or more nodes; an NVMe and a network card hang on chosen nodes."""

    name: str
    nodes: int
    threads: int = 1
    mib_per_node: int = 1024
    nvme_node: int = 0
    network_node: int = 0
    cpus: int = 8

    def cpus_of(self, node):
        """CPU numbers of a node: whole sockets, so siblings stay together."""
        each = self.cpus // self.nodes
        return list(range(node * each, (node + 1) * each))

    def distance(self, one, other):
        if one == other:
            return 10
        # Four nodes: two pairs, as on hosts with two dies to a socket.
        return NEAR if one // 2 == other // 2 and self.nodes > 2 else FAR


ONE = Shape("1 node, SMT", nodes=1, threads=2, mib_per_node=2048)
TWO = Shape("2 nodes", nodes=2, nvme_node=1, network_node=1)
FOUR = Shape("4 nodes", nodes=4, mib_per_node=640, nvme_node=1, network_node=3)


def command(qemu, shape, kernel, initrd, folder, words=""):
    """The whole command line; the disk of the NVMe is a file in `folder`. `words`: more for the
    kernel."""
    disk = pathlib.Path(folder) / "nvme.img"
    with open(disk, "wb") as file:
        file.truncate(64 << 20)
    cores = shape.cpus // shape.nodes // shape.threads
    words = [
        # Of an AMD processor the emulation shows no hardware threads.
        *qemu, "-machine", "q35", "-cpu", "max,vendor=GenuineIntel",
        "-accel", "tcg,thread=multi", "-display", "none", "-no-reboot", "-nodefaults", "-m", f"{shape.nodes * shape.mib_per_node}M",
        "-smp", f"{shape.cpus},sockets={shape.nodes},cores={cores},threads={shape.threads}",
        "-kernel", kernel.image, "-initrd", initrd,
        "-append", f"{KERNEL_WORDS} {words}",
    ]
    for node in range(shape.nodes):
        cpus = shape.cpus_of(node)
        words += ["-object", f"memory-backend-ram,id=mem{node},size={shape.mib_per_node}M",
                  "-numa", f"node,nodeid={node},memdev=mem{node},cpus={cpus[0]}-{cpus[-1]}"]
    for one in range(shape.nodes):
        for other in range(shape.nodes):
            if one != other:
                distance = shape.distance(one, other)
                words += ["-numa", f"dist,src={one},dst={other},val={distance}"]
    return [*map(str, words), *devices(shape, disk)]


def devices(shape, disk):
    """An NVMe with a queue for each CPU, and two network cards wired to each other: what one sends
    the other receives. The sender sits on no node."""
    words = []
    for place, (node, bus) in enumerate(((shape.nvme_node, 0x40), (shape.network_node, 0x80))):
        words += ["-device", f"pxb-pcie,id=pxb{place},bus=pcie.0,bus_nr={bus},numa_node={node}",
                  "-device", f"pcie-root-port,id=port{place},bus=pxb{place},chassis={place + 1}"]
    return words + [
        "-drive", f"if=none,id=disk,format=raw,file={disk}",
        "-device", "nvme,serial=stoker,drive=disk,bus=port0,max_ioqpairs=8",
        "-netdev", "hubport,id=wire0,hubid=0", "-netdev", "hubport,id=wire1,hubid=0",
        "-device", "virtio-net-pci,netdev=wire0,mac=52:54:00:00:00:01,bus=port1,romfile=",
        "-device", "virtio-net-pci,netdev=wire1,mac=52:54:00:00:00:02,bus=pcie.0,romfile=",
    ]
