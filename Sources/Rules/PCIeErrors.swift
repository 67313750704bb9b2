import Fabric
import Host
import Signals
import Training

private let corrected = EventLimit(
    10, per: EventLimit.hour, source: "judgement: a good link corrects nothing for days")
private let uncorrected = Limit(1, "errors", source: "any; the device lost data")

extension Rule {
    package static let pcieErrorsReplay = Rule(
        id: "pcie-errors-replay", cause: .pcieDegraded, ceiling: .critical,
        title: "A PCI Express link corrects errors, or reports ones that it cannot",
        explanation: Explanation(
            what: """
                Each packet on PCI Express carries a checksum. A damaged one is sent again \
                (corrected); what cannot be mended is reported as nonfatal or fatal. The kernel \
                counts all of them by device (AER).
                """,
            why: """
                Sending again costs throughput on the way to a GPU, an adapter or a drive, and \
                many corrected errors tend to come before the ones that end a job.
                """,
            seen: """
                The kernel's counts at both ends of the look, of every GPU, adapter and drive and \
                of each bridge above it up to the root port: the error is often booked at the \
                other end of the link. Ten corrected errors an hour and three at least, or one \
                that was not corrected. GPUs count by themselves what they had to repeat: more \
                in a minute than one damaged bit in 10^12 would make.
                """,
            fix: """
                Nothing that can be typed. Reseat or replace the card, the riser or the cable \
                between the two ends; keep the host out of jobs until then.
                """,
            avoid: """
                Do not switch reporting off (pci=noaer): the errors stay. Counts of devices that \
                were just plugged in or reset mean little.
                """,
            verify: "aer_dev_correctable of the device grows no more.",
            sources: [
                "Documentation/ABI/testing/sysfs-bus-pci-devices-aer_stats",
                "Documentation/PCI/pcieaer-howto.rst",
                "https://github.com/NVIDIA/DCGM (health checks of PCIe)",
            ])
    ) { observation throws(Unavailable) in
        let functions = observation.optional(PCIe.self)?.functions ?? []
        let gpus = observation.optional(GPUs.self)?.gpus ?? []
        guard
            functions.contains(where: { $0.correctable != nil })
                || gpus.contains(where: { $0.link.replays != nil })
        else {
            throw Unavailable(
                "no PCI Express device reports errors (AER), and no GPU repeated transfers")
        }
        return functions.compactMap { observation.errors(of: $0) }
            + gpus.compactMap { observation.replaying($0) }
    }
}

extension Observation {
    fileprivate func errors(of function: PCIeFunction) -> Finding? {
        let mended = sum(function.correctable)
        let lost = saturated(sum(function.nonfatal), sum(function.fatal))
        let isMany = corrected.isReached(by: mended, in: whole)
        guard isMany || lost > 0 else { return nil }
        let kinds = [function.fatal, function.nonfatal, function.correctable].compactMap { $0 }
            .flatMap { counts in counts.keys.filter { counts[$0] != 0 }.sorted() }
        let below = facts.devices.filter {
            $0.address == function.address || $0.bridges.contains(function.address)
        }
        let label = below.first { $0.address == function.address }?.label
        let place =
            label ?? "bridge \(function.address) above "
            + below.map(\.label).prefix(4).joined(separator: ", ")
        let path = "/sys/bus/pci/devices/\(shellWord(function.address))"
        return .outside(
            "pcie-errors-replay", .pcieDegraded, lost > 0 ? .critical : .warning, .measured,
            """
            \(place) reports \(lost > 0 ? "\(lost) lost and " : "")\(mended) corrected errors \
            (\(kinds.prefix(4).joined(separator: ", "))): hardware, not this host's software
            """,
            FindingCulprit(
                kind: .device, id: function.address, name: label ?? "bridge \(function.address)"),
            [
                corrected.evidence("corrected errors", mended, in: whole),
                uncorrected.evidence("errors that were not corrected", Double(lost)),
            ],
            .byHand(
                "reseat or replace the card or the riser at either end of the link",
                looking: ["grep . \(path)/aer_dev_*"]),
            verify: "`cat \(path)/aer_dev_correctable` twice, an hour apart: the same counts")
    }

    private func sum(_ counts: [String: UInt64]?) -> UInt64 {
        (counts ?? [:]).values.reduce(0, saturated)
    }

    private func saturated(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let (sum, overflows) = left.addingReportingOverflow(right)
        return overflows ? .max : sum
    }
}
