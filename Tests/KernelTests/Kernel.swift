import Glibc
import Host
import Signals
import Testing

/// Everything that measures the real kernel, one test after the other: they share two CPUs with
/// the loads that they start.
@Suite(.serialized) struct Kernel {}

extension Trait where Self == ConditionTrait {
    /// Skips where probes cannot load, aloud. Where STOKER_TEST_PROBES is 1 that is no excuse: the
    /// tests run, and fail.
    static var probes: Self {
        .enabled(if: mustLoad || obstacle == nil, "\(obstacle ?? "probes load")")
    }
}

private let mustLoad = getenv("STOKER_TEST_PROBES").map { String(cString: $0) } == "1"

/// Why no probe can be loaded here; `nil` when one can.
private let obstacle: String? = {
    guard geteuid() == 0 else { return "loading probes needs root" }
    let source = Source(host: Host(), facts: HostFacts(), watch: Watch())
    guard case .failure(let why) = source.ledger else { return nil }
    return why.reason
}()
