/// /proc/PID/stat, or the same of one thread.
package struct ProcessStat: Sendable, Equatable {
    /// pid, or tid when the file is a thread's.
    package var id: Int32
    /// comm, not escaped; invalid UTF-8 is repaired.
    package var name: String
    /// `R`, `S`, `D` …
    package var state: Character
    package var parent: Int32
    /// Faults and CPU time are those of all threads in a process's file, of one in a thread's.
    package var minorFaults: UInt64
    package var majorFaults: UInt64
    /// Ticks of 1/100 s.
    package var userTicks: UInt64
    package var systemTicks: UInt64
    /// -20 to 19.
    package var nice: Int
    package var threads: Int
    /// Ticks since boot.
    package var startTicks: UInt64
    /// Where its stack begins: chosen at random when a program is started, and inherited by those
    /// that it forks; `nil` when it may not be seen.
    package var stackStart: UInt64?
    /// The CPU it ran on last; `nil` on kernels that do not say.
    package var cpu: Int?
    /// Ticks spent waiting for disks; 0 unless delay accounting is on.
    package var ioDelayTicks: UInt64

    /// The name may hold blanks, parentheses and newlines, so fields are counted from the last
    /// `)`. `nil` when the text is cut off before the start time.
    package init?(parsing bytes: [UInt8]) {
        guard let open = bytes.firstIndex(of: UInt8(ascii: "(")),
            let close = bytes.lastIndex(of: UInt8(ascii: ")")), open < close,
            let id = Int32(String(decoding: bytes[..<open], as: UTF8.self).filter { $0 != " " })
        else { return nil }
        let fields = bytes[(close + 1)...].split { $0 == 32 || $0 == 10 }
        guard fields.count > 19, let state = fields[0].first else { return nil }
        // proc(5) counts from 1 and puts the state third.
        func field(_ number: Int) -> String {
            number - 3 < fields.count ? String(decoding: fields[number - 3], as: UTF8.self) : ""
        }
        guard let parent = Int32(field(4)), let start = UInt64(field(22)) else { return nil }
        self.id = id
        name = String(decoding: bytes[(open + 1)..<close], as: UTF8.self)
        self.state = Character(Unicode.Scalar(state))
        self.parent = parent
        minorFaults = UInt64(field(10)) ?? 0
        majorFaults = UInt64(field(12)) ?? 0
        userTicks = UInt64(field(14)) ?? 0
        systemTicks = UInt64(field(15)) ?? 0
        nice = Int(field(19)) ?? 0
        threads = Int(field(20)) ?? 0
        startTicks = start
        // Below the first page stands 0 or 1 for what is hidden.
        stackStart = UInt64(field(28)).flatMap { $0 > 4096 ? $0 : nil }
        cpu = Int(field(39))
        ioDelayTicks = UInt64(field(42)) ?? 0
    }
}

/// What Stoker needs of /proc/PID/status.
package struct ProcessStatus: Sendable, Equatable {
    /// Thread group: the pid, also in a thread's file.
    package var group: Int32?
    /// Real user id.
    package var user: UInt32?
    package var allowed: CPUList?
    package var allowedNodes: CPUList?
    package var voluntarySwitches: UInt64?
    package var involuntarySwitches: UInt64?
    /// Bytes that may not be paged out: mlock, and pinned for devices.
    package var lockedBytes: UInt64?
    package var pinnedBytes: UInt64?

    package init(parsing bytes: [UInt8]) {
        var text = KernelText(bytes)
        while text.nextLine() {
            switch text.word() {
            case "Tgid:": group = text.number().flatMap { Int32(exactly: $0) }
            case "Uid:": user = text.number().flatMap { UInt32(exactly: $0) }
            case "Cpus_allowed_list:": allowed = CPUList(parsing: text.rest())
            case "Mems_allowed_list:": allowedNodes = CPUList(parsing: text.rest())
            case "voluntary_ctxt_switches:": voluntarySwitches = text.number()
            case "nonvoluntary_ctxt_switches:": involuntarySwitches = text.number()
            case "VmLck:": lockedBytes = text.number().map { $0 &* 1024 }
            case "VmPin:": pinnedBytes = text.number().map { $0 &* 1024 }
            default: continue
            }
        }
    }
}

/// /proc/PID/schedstat, ns. A process's file is about its main thread alone.
package struct ScheduleTimes: Sendable, Equatable {
    /// Time on a CPU.
    package var ran: UInt64
    /// Time runnable without a CPU.
    package var waited: UInt64
    /// Times it was given a CPU.
    package var slices: UInt64

    package init?(parsing bytes: [UInt8]) {
        var text = KernelText(bytes)
        guard text.nextLine(), let ran = text.number(), let waited = text.number(),
            let slices = text.number()
        else { return nil }
        (self.ran, self.waited, self.slices) = (ran, waited, slices)
    }
}

/// Soft limits of /proc/PID/limits; `nil`: unlimited or not shown.
package struct ProcessLimits: Sendable, Equatable {
    package var openFiles: UInt64?
    package var lockedBytes: UInt64?

    package init(parsing bytes: [UInt8]) {
        var text = KernelText(bytes)
        while text.nextLine() {
            guard text.skip("Max") else { continue }
            if text.skip("open"), text.skip("files") { openFiles = text.number() }
            if text.skip("locked"), text.skip("memory") { lockedBytes = text.number() }
        }
    }
}
