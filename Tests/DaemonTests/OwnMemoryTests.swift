import Daemon
import Host
import Machines
import Testing

@Suite struct OwnMemoryTests {
    private let mounts = """
        cgroup2 /sys/fs/cgroup cgroup2 rw 0 0
        """

    @Test func theLeastLimitAboveCounts() throws {
        let tree = Tree()
        try tree.write("/proc/self/mounts", mounts)
        try tree.write("/proc/7/cgroup", "0::/system.slice/stoker.service")
        try tree.write("/sys/fs/cgroup/system.slice/stoker.service/memory.max", "268435456")
        #expect(ownMemoryLimit(on: tree.host, pid: 7) == 256 << 20)
        try tree.write("/sys/fs/cgroup/system.slice/memory.max", "50331648")
        #expect(ownMemoryLimit(on: tree.host, pid: 7) == 48 << 20)
    }

    @Test func noLimitIsNone() throws {
        let tree = Tree()
        try tree.write("/proc/self/mounts", mounts)
        try tree.write("/proc/7/cgroup", "0::/system.slice/stoker.service")
        try tree.write("/sys/fs/cgroup/system.slice/stoker.service/memory.max", "max")
        #expect(ownMemoryLimit(on: tree.host, pid: 7) == nil)
        #expect(ownMemoryLimit(on: Tree().host, pid: 7) == nil)
    }

    @Test func version1SaysNoneByALargeNumber() throws {
        let tree = Tree()
        try tree.write(
            "/proc/self/mounts", "cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0")
        try tree.write("/proc/7/cgroup", "4:memory:/stoker")
        let folder = "/sys/fs/cgroup/memory"
        try tree.write("\(folder)/memory.limit_in_bytes", "9223372036854771712")
        try tree.write("\(folder)/stoker/memory.limit_in_bytes", "50331648")
        #expect(ownMemoryLimit(on: tree.host, pid: 7) == 48 << 20)
    }
}
