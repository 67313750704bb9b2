import Glibc
import Host
import Signals
import Testing

extension Kernel {
    /// Probes go when their source goes.
    @Suite(.probes) struct LifetimeTests {
        @Test func leavesNothingBehind() throws {
            // What the process keeps for good is opened by the first one.
            _ = opened(Watch()).hooks
            #expect(descriptors().isEmpty)
            for _ in 0..<20 {
                let source = opened(Watch(pids: [1]))
                let sensors = Sensors(on: source)
                _ = sensors.sample()
                #expect(!descriptors().isEmpty)
            }
            #expect(descriptors().isEmpty)
        }

        @Test func attachesEveryHookOrSaysWhyNot() throws {
            let source = opened(Watch())
            _ = try source.ledger.get()
            #expect(source.hooks.contains { $0.hook == "sched_switch" && $0.reason == nil })
            #expect(source.hooks.contains { $0.hook == "block_rq_complete" && $0.reason == nil })
            for hook in source.hooks { #expect(hook.reason?.isEmpty != true) }
        }

        /// Programs, maps and links that this process holds; they live as long as these.
        private func descriptors() -> [String] {
            let host = Host()
            return host.numbers(in: "/proc/self/fd").compactMap { host.link("/proc/self/fd/\($0)") }
                .filter { $0.contains("bpf") }
        }
    }
}
