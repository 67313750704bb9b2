package import Host

extension Machine {
    /// Writes every counter as it stands `seconds` after the start: two of these are a window.
    package func writeCounters(
        to tree: borrowing Tree, after seconds: UInt64
    ) throws(FileError) {
        try writeInterruptCounters(to: tree, after: seconds)
        try writeMemoryCounters(to: tree, after: seconds)
        try writeProcessorTimes(to: tree, after: seconds)
        try writeDiskCounters(to: tree, after: seconds)
        try writePressure(to: tree, after: seconds)
        try writePowerCounters(to: tree, after: seconds)
        try writeThreadTimes(to: tree, after: seconds)
        try writePortCounters(to: tree, after: seconds)
        try writeLinkErrors(to: tree, after: seconds)
        try tree.write("/proc/loadavg", "0.31 0.27 0.22 1/4211 99187")
        try tree.write("/proc/uptime", "\(9_000 + seconds).00 \(8_000 + seconds).00")
    }

    /// Ticks of 1/100 s: a CPU of a quiet host is idle for all but a fiftieth of the time.
    private static let busyTicks: UInt64 = 2

    private func writeProcessorTimes(
        to tree: borrowing Tree, after seconds: UInt64
    ) throws(FileError) {
        let user = 700 + Self.busyTicks * seconds
        let idle = 800_000 + (100 - Self.busyTicks) * seconds
        let figures = "\(user) 3 41 \(idle) 5 0 2 0 0 0"
        let counts = interrupts.map { "\(count(of: $0, on: $0.effective, after: seconds))" }
        try tree.write(
            "/proc/stat",
            """
            cpu  \(figures)
            \(online.map { "cpu\($0) \(figures)" }.joined(separator: "\n"))
            intr 123456789 \(counts.joined(separator: " "))
            ctxt \(5_000_000 + 900 * seconds)
            btime 1790000000
            processes 70123
            procs_running 1
            procs_blocked 0
            """)
    }

    /// Requests a second to each drive, of 4 KiB and a tenth of a millisecond.
    package static let readsPerSecond: UInt64 = 7
    package static let writesPerSecond: UInt64 = 13

    private func writeDiskCounters(
        to tree: borrowing Tree, after seconds: UInt64
    ) throws(FileError) {
        let lines = drives.map { drive in
            let reads = 40_000 + Self.readsPerSecond * seconds
            let writes = 90_000 + Self.writesPerSecond * seconds
            return " 259 \(diskMinor(drive)) \(drive.names[1]) \(reads) 0 \(reads * 8) "
                + "\(reads / 10) \(writes) 0 \(writes * 8) \(writes / 10) 0 "
                + "\((reads + writes) / 20) \((reads + writes) / 10) 0 0 0 0 0 0"
        }
        try tree.write("/proc/diskstats", lines.joined(separator: "\n"))
    }

    private func writePressure(to tree: borrowing Tree, after seconds: UInt64) throws(FileError) {
        for resource in ["cpu", "memory", "io"] {
            let stalled = resource == "memory" ? 0 : 5_000 + 40 * seconds
            try tree.write(
                "/proc/pressure/\(resource)",
                """
                some avg10=0.00 avg60=0.00 avg300=0.00 total=\(stalled)
                full avg10=0.00 avg60=0.00 avg300=0.00 total=\(stalled / 2)
                """)
        }
    }

    /// Entries into each idle state a second.
    package static let idleEntriesPerSecond: UInt64 = 23

    private func writePowerCounters(
        to tree: borrowing Tree, after seconds: UInt64
    ) throws(FileError) {
        guard let power, let first = online.first else { return }
        for state in power.idleStates {
            let folder = "\(Self.cpuFolder)/cpu\(first)/cpuidle/state\(state.index)"
            try tree.write("\(folder)/usage", "\(9_000 + Self.idleEntriesPerSecond * seconds)")
        }
    }
}
