import Host
import Machines
import Testing

/// A two-CPU virtual machine with v1 controllers beside an empty v2 tree, as captured.
struct QuietTests {
    let facts = HostFacts.read(from: fixture("quiet"))

    @Test func namesTheHost() {
        #expect(facts.hostname == "quiet")
        #expect(facts.kernelVersion == KernelVersion(major: 6, minor: 18))
        #expect(facts.commandLine.contains("psi=1"))
        #expect(facts.isVirtualMachine == true)
        #expect(facts.memoryTotalBytes > 20 << 30)
    }

    @Test func knowsItsTopology() {
        #expect(facts.topology.online == CPUList([0, 1]))
        #expect(facts.topology.isolated.isEmpty)
        #expect(facts.topology.nohzFull.isEmpty)
        #expect(facts.topology.smtControl == "notsupported")
        #expect(facts.topology.cpus.map(\.lastLevelCache) == [0, 0])
        #expect(facts.topology.cpus.map(\.node) == [0, 0])
        #expect(facts.topology.nodes.map(\.distances) == [[10]])
        #expect(facts.hugepages.map(\.pageBytes) == [2 << 20, 1 << 30])
    }

    @Test func readsItsSettings() {
        #expect(facts.settings.thpEnabled == "madvise")
        #expect(facts.settings.thpDefrag == "madvise")
        #expect(facts.settings.clocksource == "tsc")
        #expect(facts.settings.workqueueCPUs == CPUList([0, 1]))
        #expect(facts.settings.defaultInterruptCPUs == CPUList([0, 1]))
        #expect(facts.settings.number("vm.swappiness") == 60)
        #expect(facts.settings.sysctl["vm.stat_interval"] == nil)
        #expect(facts.settings.sharedMemory == nil)
        #expect(facts.settings.swapDevices.isEmpty)
    }

    @Test func joinsInterruptsWithTheirAffinity() {
        let request = facts.interrupts.first { $0.irq == 36 }
        #expect(request?.name == "virtio1-req.0")
        #expect(request?.effective == CPUList([1]))
        #expect(request?.node == 0)
        #expect(facts.interrupts.first { $0.irq == 24 }?.node == nil)
        #expect(request?.isManaged == nil)
        #expect(facts.interrupts.allSatisfy { $0.irq >= 24 })
    }

    @Test func listsDrivesButNoLoopDevices() {
        #expect(facts.disks.map(\.name) == ["vda", "zram0"])
        #expect(facts.disks.first?.scheduler == "mq-deadline")
        #expect(facts.disks.first?.readAheadKilobytes == 8192)
    }

    @Test func findsBothKindsOfControlGroups() {
        #expect(facts.cgroups.unified == "/sys/fs/cgroup/unified")
        #expect(facts.cgroups.unifiedControllers == ["hugetlb"])
        #expect(facts.cgroups.version1["memory"] == "/sys/fs/cgroup/memory")
        #expect(facts.cgroups.version1["name=systemd"] == nil)
        #expect(facts.managers.hasSystemd)
    }
}
