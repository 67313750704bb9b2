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
    for place in ranks.indices {
        ranks[place].align(windowNanoseconds: median(lengths) ?? 0, using: &generator)
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
    /// The job whose GPUs share this evidence; nil where it is of this GPU alone.
    var question: String?
    /// Accepted, not only looked at.
    var isSure = true
}

private func charges(_ ranks: [Rank], _ generator: inout SeededGenerator) -> [Charge] {
    var charges: [Charge] = []
    for place in ranks.indices {
        if let own = ownCharge(place, ranks, &generator) { charges.append(own) }
    }
    for members in Dictionary(grouping: ranks.indices, by: { ranks[$0].job }).values.sorted(
        by: { ($0.first ?? 0) < ($1.first ?? 0) })
    {
        guard let job = Job(members, of: ranks),
            let evidence = job.evidence(ranks, using: &generator)
        else { continue }
        // Where a GPU idles apart from its peers, they do not idle with it.
        let isApart = charges.contains {
            members.contains($0.gpu) && $0.evidence.isClear
                && $0.evidence.confidence == .measured
                && $0.evidence.share > evidence.share / 2
        }
        guard !isApart else { continue }
        // Who waits for a later rank loses nothing by delays of its own.
        if job.waitsForOne && evidence.isClear {
            charges.removeAll { members.contains($0.gpu) && $0.evidence.isBound }
        }
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
                lost: job.lost, question: ranks[$0].job)
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
    let limit = cleanLimit(rank.lost, in: rank.known)
    let hits = isHit(rank.lost, above: limit, spreads: rank.spreads)
    var response = rank.idle
    var evidence: Evidence?
    if let peers = Peers(of: place, among: ranks, limit: limit) {
        response = zip(rank.idle, peers.idle).map { $0 - $1 }
        evidence = Evidence.against(peers, rank, hits: hits)
    } else if let found = Evidence.overTime(
        rank.idle, lost: rank.lost, hits: hits, spreads: rank.spreads)
    {
        evidence = found
    } else if dose >= Matter.bound {
        let others = zip(rank.held, rank.fabric).map { max($0, $1) }
        evidence = Evidence.mechanism(
            rank.idle, lost: rank.lost, others: others, hits: hits, isShared: false,
            using: &generator)
    }
    guard let evidence else { return nil }
    let parts = rank.doses.map {
        Part(label: $0.label, rankOf: rank.gpu, lag: $0.lag, lost: $0.lost)
    }
    return Charge(
        gpu: place, evidence: evidence, parts: parts, response: response, lost: rank.lost)
}

/// Marks what chance could have done. What is asked once for all GPUs of a job counts once.
private func surest(_ charges: [Charge]) -> [Charge] {
    var first: [Int] = []
    let question = charges.indices.map { place -> Int in
        if let asked = charges[place].question,
            let same = first.firstIndex(where: { charges[$0].question == asked })
        {
            return same
        }
        first.append(place)
        return first.count - 1
    }
    guard let adjusted = benjaminiHochberg(first.map { charges[$0].evidence.p }) else { return [] }
    return charges.indices.map { place in
        var charge = charges[place]
        charge.isSure =
            charge.evidence.isClear && adjusted[question[place]] <= Matter.falseDiscoveries
        return charge
    }
}
