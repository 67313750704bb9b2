import Glibc
import Host
import Testing

@testable import Service

@Suite struct CapabilityTests {
    @Test func bitsAreThoseOfTheKernel() {
        let bits = Dictionary(uniqueKeysWithValues: Capability.all.map { ($0.name, $0.bit) })
        #expect(bits["CAP_BPF"] == 0x80_0000_0000)
        #expect(bits["CAP_PERFMON"] == 0x40_0000_0000)
        #expect(bits["CAP_SYS_PTRACE"] == 0x8_0000)
        #expect(bits["CAP_DAC_READ_SEARCH"] == 0x4)
        #expect(bits["CAP_SYSLOG"] == 0x4_0000_0000)
    }

    @Test func heldIsWhatTheKernelShows() throws {
        let held = try #require(Capability.held())
        #expect(status("self")["CapEff"] == held)
    }

    @Test(.enabled(if: geteuid() == 0, "only root has capabilities to give away"))
    func whatIsNotKeptIsGone() throws {
        let result = try inThread {
            try? Capability.keepOnly(Array(Capability.all.prefix(2)))
            try? Capability.forbidNewOnes()
        }
        for set in ["CapEff", "CapPrm", "CapBnd"] { #expect(result[set] == 0xC0_0000_0000) }
        for set in ["CapInh", "CapAmb"] { #expect(result[set] == 0) }
        #expect(result["NoNewPrivs"] == 1)
    }

    @Test(.enabled(if: geteuid() == 0, "only root has capabilities to give away"))
    func everythingCanBeGivenAway() throws {
        let result = try inThread { try? Capability.keepOnly([]) }
        for set in ["CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"] { #expect(result[set] == 0) }
    }

    @Test func theReferenceIsFresh() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        #expect(text("/" + root + "/docs/privileges.md") == privilegesReference(), "run make docs")
    }

    /// Capabilities belong to threads: what this one gives away, the others keep.
    private func inThread(_ change: @escaping @Sendable () -> Void) throws -> [String: UInt64] {
        let work = Work(change)
        var thread = pthread_t()
        let created = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                let work = Unmanaged<Work>.fromOpaque(context).takeUnretainedValue()
                work.change()
                work.result = status("thread-self")
                return nil
            }, Unmanaged.passUnretained(work).toOpaque())
        try #require(created == 0)
        pthread_join(thread, nil)
        return work.result
    }

    /// Shared by a thread and the one that waits for its end.
    private final class Work: @unchecked Sendable {
        let change: @Sendable () -> Void
        var result: [String: UInt64] = [:]

        init(_ change: @escaping @Sendable () -> Void) { self.change = change }
    }
}

/// The numbers of /proc/NAME/status that are hexadecimal masks or one digit.
private func status(_ name: String) -> [String: UInt64] {
    var numbers: [String: UInt64] = [:]
    for line in text("/proc/\(name)/status").split(separator: "\n") {
        let parts = line.split(separator: ":")
        let value = parts.last?.split(separator: "\t").first
        numbers[String(parts[0])] = value.flatMap { UInt64($0, radix: 16) }
    }
    return numbers
}

private func text(_ path: String) -> String { (try? Host().text(path)) ?? "" }
