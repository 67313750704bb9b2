import Host

/// The ledger of a user without privileges.
final class SchedstatReader {
    private let source: Source
    private let why: Unavailable

    init(_ source: Source, instead why: Unavailable) {
        self.source = source
        self.why = why
    }

    func sample() {}

    func read() -> Threads {
        Threads(method: .procfs, gaps: Gaps(reasons: [why.reason]))
    }
}
