extension Bound {
    /// The most that each label which explains nothing can have cost: what was lost to it, and no
    /// more than what the comparisons leave open. The dearest first.
    static func all(
        of rank: Rank, lengths: [Double], charges: [Charge], beside explained: [Explained],
        mayWait: Bool
    ) -> [Bound] {
        let named = Set(explained.filter { $0.rankOf == rank.gpu }.map(\.label))
        let idle = rank.known.reduce(0) { $0 + lengths[$1] * rank.idle[$1] }
        let open = charges.reduce(0) { sum, charge in
            sum + charge.evidence.upper
                * rank.known.filter { charge.evidence.hits[$0] }
                .reduce(0) { $0 + lengths[$1] }
        }
        // Peers that wait for a late rank idle with it: they alone exclude nothing.
        let isAnswered = charges.count == (mayWait ? 2 : 1)
        let most = isAnswered ? min(idle, open) : idle
        return rank.doses.filter { !named.contains($0.label) }.map { label, lost, _ in
            let all = rank.known.reduce(0) { $0 + lengths[$1] * lost[$1] }
            return Bound(label: label, nanoseconds: min(all, most))
        }.sorted { ($0.nanoseconds, $1.label) > ($1.nanoseconds, $0.label) }
    }
}
