import Fabric
import Signals

/// Time in which a port had data and could not send.
struct SendWait {
    static let much = Limit(
        5, "% of the link's time",
        source: "judgement, after the congestion report of ibdiagnet")
    /// A tick is the time of 64 bytes: (7 + 1) of 8 bytes, on adapters of this century. How older
    /// ones count is not known, so the share is called an estimate.
    private static let bytesPerTick = 64.0

    /// Of the time that was looked at, 0 to 100.
    var percent: Double
    /// The counter was full: it was at least that much.
    var isAtLeast: Bool
    var isMuch: Bool { Self.much.isReached(by: percent) }

    init?(_ port: FabricPort, _ window: Window) {
        guard let line = port.facts.bytesPerSecond, line > 0, window.nanoseconds > 0 else {
            return nil
        }
        let lost = Double(port.port["port_xmit_wait"]) * Self.bytesPerTick
        let paused = Double(port.pausedMicroseconds("rx")) / 1e6
        // More than all of the time cannot have been waited: this adapter's ticks are shorter.
        percent = min(100, 100 * max(lost / line, paused) / window.seconds)
        isAtLeast = port.port.stuck.contains("port_xmit_wait")
    }
}
