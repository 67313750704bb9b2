import Host
import Signals
import Training

/// More than what one damaged bit in 10^12, the most that the standard allows a link, makes in a minute: DCGM's
/// limit. Of the link as it runs; where nobody tells, of the widest and fastest.
struct ReplayLimit {
    private static let bitErrorRatio = 1e-12
    private static let mostLanes = 16
    private static let fastest = 5
    /// Transfers a second of one lane, by generation.
    private static let transfers: [Int: Double] = [
        1: 2.5e9, 2: 5e9, 3: 8e9, 4: 16e9, 5: 32e9, 6: 64e9,
    ]

    let events: EventLimit

    init(_ link: GPULink) {
        let generation = link.generation ?? Self.fastest
        let rate = Self.transfers[generation] ?? Self.transfers[Self.fastest] ?? 0
        let lanes = Double(link.lanes ?? Self.mostLanes)
        let count = (Self.bitErrorRatio * rate * EventLimit.minute * lanes).rounded(.up)
        events = EventLimit(
            count + 1, per: EventLimit.minute,
            source: "DCGM: one damaged bit in 10^12 on a link of this width and speed")
    }
}

extension Observation {
    /// A GPU whose link repeats more than one that is sound.
    func replaying(_ gpu: GPUReading) -> Finding? {
        guard let replays = gpu.link.replays else { return nil }
        let limit = ReplayLimit(gpu.link).events
        guard limit.isReached(by: replays, in: whole) else { return nil }
        let culprit = gpuCulprit(gpu.pci)
        let command = GPUText.selected(gpu.pci)
        return .outside(
            "pcie-errors-replay", .pcieDegraded, .warning, .measured,
            """
            \(culprit.name) repeated \(replays) transfers over PCI Express: hardware, not this \
            host's software
            """, culprit, [limit.evidence("repeated transfers", replays, in: whole)],
            .byHand(
                "reseat or replace the card or the riser at either end of the link",
                looking: ["\(command) --query-gpu=pcie.replay_counter --format=csv"]),
            verify: "`\(command) --query-gpu=pcie.replay_counter --format=csv` twice, a minute "
                + "apart: hardly more")
    }
}
