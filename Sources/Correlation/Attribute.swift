/// What lost time on the host cost each GPU of `look`, in its order.
///
/// Three questions, the strongest first. Did the GPU of the rank that lost time idle more than its
/// peers? Did all GPUs that wait for one another idle when one rank was late? Where neither can
/// be asked (one GPU, or all ranks hit): does its idling come and go with the lost time, or, where
/// the loss never paused, how much can it have cost at most? What chance could have done is left
/// out, with false discoveries held at 5 % over all that was asked.
package func attribute(
    _ look: Look, using generator: inout SeededGenerator
) -> [GPUAttribution] {
    let lengths = look.windows.map { Double($0.length) }
    var ranks = look.gpus.map { Rank($0, windows: look.windows) }
    let original = ranks
    for place in ranks.indices {
        let peers = Peers(of: place, among: original, limit: Matter.cleanFloor)
        let response = ranks[place].idle.enumerated().map { window, idle in
            let usual = peers?.idle[window] ?? 0
            return usual.isNaN ? idle : idle - usual
        }
        ranks[place].align(
            to: response, windowNanoseconds: median(lengths) ?? 0, using: &generator)
    }
    let charges = surest(charges(ranks, &generator))
    return ranks.indices.map { place in
        GPUAttribution(
            of: place, ranks: ranks, lengths: lengths, charges: charges.filter { $0.gpu == place })
    }
}

/// A share of one GPU's idle time, and the parts to divide it among.
struct Charge {
    var gpu: Int
    var evidence: Evidence
    var parts: [Part]
    /// What is to be explained in each window; NaN where it is not known.
    var response: [Double]
    /// What all parts lost together, 0 to 1.
    var lost: [Double]
    /// Accepted, not only looked at.
    var isSure = true
}

private func charges(_ ranks: [Rank], _ generator: inout SeededGenerator) -> [Charge] {
    var charges: [Charge] = []
    for place in ranks.indices {
        if let own = ownCharge(place, ranks, &generator) { charges.append(own) }
    }
    for members in Dictionary(grouping: ranks.indices, by: { ranks[$0].job }).values.sorted(
        by: { $0[0] < $1[0] })
    {
        guard let job = Job(members, of: ranks),
            let evidence = job.evidence(ranks, using: &generator)
        else { continue }
        let parts = members.flatMap { member in
            ranks[member].doses.map { dose in
                Part(
                    label: dose.label, rankOf: ranks[member].gpu, lag: dose.lag,
                    lost: dose.lost.indices.map {
                        job.latest[$0] == member ? dose.lost[$0] : 0
                    })
            }
        }
        charges += members.map {
            Charge(
                gpu: $0, evidence: evidence, parts: parts, response: job.waiting,
                lost: job.lost)
        }
    }
    return charges
}

/// What the rank of a GPU cost that GPU.
private func ownCharge(
    _ place: Int, _ ranks: [Rank], _ generator: inout SeededGenerator
) -> Charge? {
    let rank = ranks[place]
    guard let dose = mean(rank.known.map { rank.lost[$0] }), dose >= Matter.claim else {
        return nil
    }
    let hits = rank.hits
    var response = rank.idle
    var evidence: Evidence?
    let limit = cleanLimit(rank.lost, in: rank.known)
    if let peers = Peers(of: place, among: ranks, limit: limit) {
        response = zip(rank.idle, peers.idle).map { $0 - $1 }
        evidence = Evidence.against(peers, rank, hits: hits)
    } else if let found = Evidence.overTime(rank.idle, lost: rank.lost, hits: hits) {
        evidence = found
    } else if dose >= Matter.bound {
        let others = zip(rank.held, rank.fabric).map { max($0, $1) }
        evidence = Evidence.mechanism(
            rank.idle, lost: rank.lost, others: others, hits: hits, needsSlope: false,
            using: &generator)
    }
    guard let evidence else { return nil }
    let parts = rank.doses.map {
        Part(label: $0.label, rankOf: rank.gpu, lag: $0.lag, lost: $0.lost)
    }
    return Charge(
        gpu: place, evidence: evidence, parts: parts, response: response, lost: rank.lost)
}

/// Marks what chance could have done.
private func surest(_ charges: [Charge]) -> [Charge] {
    guard let adjusted = benjaminiHochberg(charges.map(\.evidence.p)) else { return [] }
    return zip(charges, adjusted).map { charge, p in
        var charge = charge
        charge.isSure = charge.evidence.isClear && p <= Matter.falseDiscoveries
        return charge
    }
}
