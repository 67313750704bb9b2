import Host

/// Pairs each of `later` with the entry of `earlier` that has the same key. What vanished is left
/// out; what appeared has no partner.
func matched<Entry, Key: Hashable>(
    _ later: [Entry], _ earlier: [Entry], by key: (Entry) -> Key
) -> [(later: Entry, earlier: Entry?)] {
    let before = Dictionary(earlier.map { (key($0), $0) }, uniquingKeysWith: { first, _ in first })
    return later.map { ($0, before[key($0)]) }
}

/// Parses the file that a signal cannot do without.
func read<Value>(
    _ path: String, _ host: Host, _ parse: ([UInt8]) -> Value
) throws(Unavailable) -> Value {
    let bytes: [UInt8]
    do throws(FileError) {
        bytes = try host.bytes(path)
    } catch {
        throw Unavailable(error)
    }
    return parse(bytes)
}

extension Gaps {
    /// Reasons hold at the end of the window; losses are those within it.
    func since(_ earlier: Gaps) -> Gaps {
        Gaps(reasons: reasons, lost: growth(lost, earlier.lost))
    }
}
