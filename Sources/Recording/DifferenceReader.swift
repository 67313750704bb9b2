/// Reads what `DifferenceWriter` wrote, whatever the bytes may hold.
struct DifferenceReader {
    private var shape: ByteReader
    private var amounts: ByteReader
    /// Words that may still come.
    private var room: Int

    /// The difference that is being read.
    private var before = Words()
    private var now = Words()
    private var expected = 0
    private var last: [UInt64] = []

    init(shape: [UInt8], amounts: [UInt8], room: Int) {
        self.shape = ByteReader(shape)
        self.amounts = ByteReader(amounts)
        self.room = room
    }

    var isAtEnd: Bool { shape.isAtEnd && amounts.isAtEnd }

    /// The next difference, applied to `before`.
    mutating func words(since before: Words) throws(Corruption) -> Words {
        self.before = before
        now = Words()
        expected = 0
        last.removeAll(keepingCapacity: true)
        let chunks = try shape.number()
        while now.chunks < chunks {
            let operation = try shape.number()
            switch ChunkKind(rawValue: operation & 3) {
            case .same: try copy(operation >> 2, most: chunks)
            case .changed: try change(off: unzigzag(operation >> 2))
            case .whole: try take(operation >> 2)
            case nil: throw Corruption("no such kind of chunk")
            }
        }
        return now
    }

    private mutating func use(_ words: Int) throws(Corruption) {
        // Chunks without words would cost nothing.
        room -= words + 1
        guard room >= 0 else { throw Corruption("a row is too large") }
    }

    /// One chunk more than `count`.
    private mutating func copy(_ count: UInt64, most: UInt64) throws(Corruption) {
        guard count < most - UInt64(now.chunks), expected < before.chunks,
            count < UInt64(before.chunks - expected)
        else { throw Corruption("what is the same is not there") }
        for index in expected...expected + Int(count) {
            let chunk = before.chunk(index)
            try use(chunk.count)
            now.addChunk(before.words[chunk])
        }
        expected += Int(count) + 1
    }

    private mutating func take(_ count: UInt64) throws(Corruption) {
        guard count <= UInt64(amounts.left) else { throw Corruption("a chunk is cut off") }
        try use(Int(count))
        var words: [UInt64] = []
        words.reserveCapacity(Int(count))
        for _ in 0..<count { words.append(try amounts.number()) }
        now.addChunk(words[...])
    }

    private mutating func change(off: Int64) throws(Corruption) {
        let (place, overflows) = Int64(expected).addingReportingOverflow(off)
        guard !overflows, (0..<Int64(before.chunks)).contains(place) else {
            throw Corruption("what has changed is not there")
        }
        let chunk = before.chunk(Int(place))
        try use(chunk.count)
        let start = now.words.count
        now.addChunk(before.words[chunk])
        if last.count < chunk.count {
            last += [UInt64](repeating: 0, count: chunk.count - last.count)
        }
        var next = 0
        for _ in 0..<(try shape.number()) {
            let operation = try shape.number()
            guard operation >> 1 < UInt64(chunk.count - next) else {
                throw Corruption("a change is beyond its chunk")
            }
            let offset = next + Int(operation >> 1)
            let number = UInt64(bitPattern: unzigzag(try amounts.number()))
            let growth = operation & 1 == 1 ? last[offset] &+ number : number
            now.change(start + offset, by: growth)
            last[offset] = growth
            next = offset + 1
        }
        expected = Int(place) + 1
    }
}
