import FoundationEssentials
import Glibc
import Machines
import Testing

@testable import Host

struct ProcessTests {
    private static let tail =
        " S 41 42 42 0 -1 4194560 123 0 5 0 31 17 0 0 20 -7 3 0 9876 1 1 1 1 1 1 1 1 0 0 0 0 0 0 0 17 6 0 0 77 0 0"

    @Test(arguments: [
        "python3", "tmux: server", "a) S 1 (b", "))", "", "x\ny", "(sd-pam)",
    ])
    func findsFieldsBehindAnyName(name: String) {
        let stat = ProcessStat(parsing: Array("42 (\(name))\(Self.tail)\n".utf8))
        #expect(stat?.id == 42)
        #expect(stat?.name == name)
        #expect(stat?.state == "S")
        #expect(stat?.parent == 41)
        #expect(stat?.minorFaults == 123)
        #expect(stat?.majorFaults == 5)
        #expect(stat?.userTicks == 31)
        #expect(stat?.systemTicks == 17)
        #expect(stat?.nice == -7)
        #expect(stat?.threads == 3)
        #expect(stat?.startTicks == 9876)
        #expect(stat?.cpu == 6)
        #expect(stat?.ioDelayTicks == 77)
    }

    @Test func repairsNamesThatAreNotUTF8() {
        let bytes = Array("42 (".utf8) + [0xFF, 0x41] + Array(")\(Self.tail)".utf8)
        #expect(ProcessStat(parsing: bytes)?.name == "\u{FFFD}A")
    }

    @Test(arguments: ["", "42", "42 (", ")42(", "42 (a)", "42 (a) S 1 2 3", "x (a)\(tail)"])
    func refusesWhatIsCutOff(text: String) {
        #expect(ProcessStat(parsing: Array(text.utf8)) == nil)
    }

    @Test func answersNilForAProcessThatIsGone() {
        let process = Tree().host.process(42)
        #expect(process.stat == nil && process.status == nil && process.schedule == nil)
        #expect(process.command == nil && process.cgroups == nil && process.limits == nil)
        #expect(process.openFiles == nil && process.mappings == nil && process.name == nil)
        #expect(process.environment == nil && process.openDevices == nil)
        #expect(process.threads.isEmpty)
    }

    @Test func keepsNoOtherVariables() throws {
        let tree = Tree()
        let text = "RANK=3\0SECRET=x\0OMP_NUM_THREADS=\0XRANK=9\0RANKS=8\0=\0LOCAL_RANK"
        try tree.write("/proc/42/environ", bytes: Array(text.utf8))
        #expect(tree.host.process(42).environment == ["RANK": "3", "OMP_NUM_THREADS": ""])
    }

    @Test func joinsWordsOfTheCommand() throws {
        let tree = Tree()
        try tree.write("/proc/42/cmdline", bytes: Array("python3\0-m\0train\0".utf8))
        #expect(tree.host.process(42).command == "python3 -m train")
    }

    @Test func readsControlGroupsOfBothVersions() {
        let text = "5:cpu,cpuacct:/a:b\n1:name=systemd:/x\n0::/user.slice\nbroken\n"
        let paths = ProcessFiles.cgroups(parsing: Array(text.utf8))
        #expect(
            paths == ["cpu": "/a:b", "cpuacct": "/a:b", "name=systemd": "/x", "": "/user.slice"])
    }

    @Test func readsLimitsAndStatus() {
        let limits = ProcessLimits(
            parsing: Array(
                """
                Limit                     Soft Limit           Hard Limit           Units
                Max open files            1024                 4096                 files
                Max locked memory         unlimited            unlimited            bytes
                """.utf8))
        #expect(limits.openFiles == 1024)
        #expect(limits.lockedBytes == nil)
        let text = "Tgid:\t42\nUid:\t1000\t0\t0\t0\nCpus_allowed_list:\t0-3,8\nVmPin:\t 4 kB\n"
        let status = ProcessStatus(parsing: Array(text.utf8))
        #expect(status.group == 42)
        #expect(status.user == 1000)
        #expect(status.allowed?.description == "0-3,8")
        #expect(status.pinnedBytes == 4096)
    }

    @Test func findsGPUAndRDMADevicesAmongOpenFiles() throws {
        let tree = Tree()
        try tree.write("/proc/42/fd/0", "")
        let files = FileManager.default
        for (index, target) in [
            "/dev/nvidia0", "/dev/nvidia0", "/dev/infiniband/uverbs1", "/dev/null", "socket:[1]",
        ].enumerated() {
            try files.createSymbolicLink(
                atPath: tree.folder + "/proc/42/fd/\(index + 1)", withDestinationPath: target)
        }
        let process = tree.host.process(42)
        #expect(process.openDevices == ["/dev/infiniband/uverbs1", "/dev/nvidia0"])
        #expect(process.openFiles == 6)
    }

    @Test func knowsItself() throws {
        let process = Host().process(Int32(ProcessInfo.processInfo.processIdentifier))
        let stat = try #require(process.stat)
        #expect(stat.id == ProcessInfo.processInfo.processIdentifier)
        #expect(process.threads.contains(stat.id))
        #expect(process.thread(stat.id).stat?.id == stat.id)
        #expect(process.status?.allowed?.isEmpty == false)
        #expect(process.openFiles ?? 0 > 2)
        #expect(process.mappings ?? 0 > 10)
        #expect(process.status?.user == getuid())
    }

    @Test func readsACapturedProcess() {
        let host = fixture("quiet")
        #expect(host.pids == [1, 7])
        #expect(host.process(7).stat?.name == "tmux: server")
        #expect(host.process(7).name == "tmux: server")
        #expect(host.process(7).cgroups?["memory"] == "/batch/job")
        #expect(host.process(7).limits?.openFiles ?? 0 > 0)
    }
}
