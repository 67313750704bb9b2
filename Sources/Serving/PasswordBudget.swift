/// CPU seconds that passwords may cost: who may not come in may not keep a training host busy
/// either. A bucket that fills slowly, and from which more may be taken than is in it, once.
struct PasswordBudget {
    private let share: Double
    private let most: Double
    private var seconds: Double
    private var updated: UInt64

    init(share: Double, most: Double, now: UInt64) {
        self.share = share
        self.most = most
        seconds = most
        updated = now
    }

    /// Seconds until the next password may be checked; zero when one may be now.
    mutating func wait(now: UInt64) -> Double {
        seconds = min(most, seconds + Double(now &- updated) / 1e9 * share)
        updated = now
        return seconds > 0 ? 0 : -seconds / share
    }

    mutating func spend(_ spent: Double) { seconds -= spent }
}
