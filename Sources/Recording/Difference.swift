/// What `now` has other than `before`, chunk by chunk. Which earlier chunk a chunk is compared with
/// is a guess that costs room when it is wrong, and never the truth.
///
/// A chunk is one of
/// - a number of chunks that are the same as those that were expected next,
/// - changes of words of an earlier chunk of the same length: the expected one, or one so far off,
/// - its words.
struct DifferenceWriter {
    private enum Kind: UInt64 { case same, changed, whole }

    private var bytes: ByteWriter
    private var sames: UInt64 = 0
    private var expected = 0
    /// The last change of the word at each place of a chunk: threads that sleep all change alike.
    private var last: [UInt64] = []

    /// Appends the difference to `bytes`.
    static func write(_ now: Words, since before: Words, to bytes: inout ByteWriter) {
        var writer = DifferenceWriter(bytes: ByteWriter())
        swap(&writer.bytes, &bytes)
        writer.write(now, since: before)
        swap(&writer.bytes, &bytes)
    }

    /// Appends that nothing has changed.
    static func writeNothing(since before: Words, to bytes: inout ByteWriter) {
        bytes.append(UInt64(before.chunks))
        if before.chunks > 0 { bytes.append(UInt64(before.chunks - 1) << 2 | Kind.same.rawValue) }
    }

    private init(bytes: ByteWriter) { self.bytes = bytes }

    private mutating func write(_ now: Words, since before: Words) {
        bytes.append(UInt64(now.chunks))
        var places = Places(before, isAligned: now.chunks == before.chunks)
        for index in 0..<now.chunks {
            let chunk = now.chunk(index)
            guard let place = places.partner(of: chunk, in: now, expected: expected) else {
                writeWhole(now.words[chunk])
                continue
            }
            let partner = before.chunk(place)
            if place == expected, now.words[chunk] == before.words[partner] {
                sames += 1
                expected += 1
                continue
            }
            endSames()
            bytes.append(zigzag(Int64(place - expected)) << 2 | Kind.changed.rawValue)
            writeChanges(now.words[chunk], since: before.words[partner])
            expected = place + 1
        }
        endSames()
    }

    private mutating func endSames() {
        guard sames > 0 else { return }
        bytes.append((sames - 1) << 2 | Kind.same.rawValue)
        sames = 0
    }

    private mutating func writeWhole(_ words: ArraySlice<UInt64>) {
        endSames()
        bytes.append(UInt64(words.count) << 2 | Kind.whole.rawValue)
        for word in words { bytes.append(word) }
    }

    /// The number of changes; then for each how many words are skipped, and by how much the word
    /// grew, or how much more that is than where the same word changed last.
    private mutating func writeChanges(
        _ now: ArraySlice<UInt64>, since before: ArraySlice<UInt64>
    ) {
        var changes: UInt64 = 0
        for offset in 0..<now.count
        where now[now.startIndex + offset] != before[before.startIndex + offset] { changes += 1 }
        bytes.append(changes)
        if last.count < now.count {
            last += [UInt64](repeating: 0, count: now.count - last.count)
        }
        var next = 0
        for offset in 0..<now.count {
            let (word, old) = (now[now.startIndex + offset], before[before.startIndex + offset])
            guard word != old else { continue }
            let growth = word &- old
            let plain = zigzag(Int64(bitPattern: growth))
            let relative = zigzag(Int64(bitPattern: growth &- last[offset]))
            bytes.append(UInt64(offset - next) << 1 | (relative < plain ? 1 : 0))
            bytes.append(min(plain, relative))
            last[offset] = growth
            next = offset + 1
        }
    }

    /// Reads `now` again. `room`: words that may still come, for all differences of a row.
    static func read(
        since before: Words, from bytes: inout ByteReader, room: inout Int
    ) throws(Corruption) -> Words {
        var reader = DifferenceReader(before: before, room: room)
        try reader.read(&bytes)
        room = reader.room
        return reader.now
    }

    private struct DifferenceReader {
        let before: Words
        var room: Int
        var now = Words()
        var expected = 0
        var last: [UInt64] = []

        init(before: Words, room: Int) {
            self.before = before
            self.room = room
        }

        mutating func read(_ bytes: inout ByteReader) throws(Corruption) {
            let chunks = try bytes.number()
            while now.chunks < chunks {
                let operation = try bytes.number()
                switch Kind(rawValue: operation & 3) {
                case .same: try copy(count: operation >> 2, most: chunks)
                case .changed: try change(off: unzigzag(operation >> 2), &bytes)
                case .whole: try take(operation >> 2, &bytes)
                case nil: throw Corruption("no such kind of chunk")
                }
            }
        }

        private mutating func use(_ words: Int) throws(Corruption) {
            // Chunks without words would cost nothing.
            room -= words + 1
            guard room >= 0 else { throw Corruption("a row is too large") }
        }

        private mutating func copy(count: UInt64, most: UInt64) throws(Corruption) {
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

        private mutating func take(_ count: UInt64, _ bytes: inout ByteReader) throws(Corruption) {
            guard count <= UInt64(bytes.left) else { throw Corruption("a chunk is cut off") }
            try use(Int(count))
            var words: [UInt64] = []
            words.reserveCapacity(Int(count))
            for _ in 0..<count { words.append(try bytes.number()) }
            now.addChunk(words[...])
        }

        private mutating func change(
            off: Int64, _ bytes: inout ByteReader
        ) throws(Corruption) {
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
            for _ in 0..<(try bytes.number()) {
                let operation = try bytes.number()
                guard operation >> 1 < UInt64(chunk.count - next) else {
                    throw Corruption("a change is beyond its chunk")
                }
                let offset = next + Int(operation >> 1)
                let number = UInt64(bitPattern: unzigzag(try bytes.number()))
                let growth = operation & 1 == 1 ? last[offset] &+ number : number
                now.change(start + offset, by: growth)
                last[offset] = growth
                next = offset + 1
            }
            expected = Int(place) + 1
        }
    }
}

/// Finds the chunk that a chunk was before: most have a name of up to three words at the beginning.
private struct Places {
    private let before: Words
    /// As many as now: nothing came and nothing went, most likely.
    private let isAligned: Bool
    private var byName: [Name: Int]?

    private struct Name: Hashable {
        var first: UInt64
        var second: UInt64
        var third: UInt64

        init?(_ words: ArraySlice<UInt64>) {
            guard words.count >= 3 else { return nil }
            let start = words.startIndex
            (first, second, third) = (words[start], words[start + 1], words[start + 2])
        }
    }

    init(_ before: Words, isAligned: Bool) {
        self.before = before
        self.isAligned = isAligned
    }

    mutating func partner(of chunk: Range<Int>, in now: Words, expected: Int) -> Int? {
        let words = now.words[chunk]
        let next = expected < before.chunks ? before.words[before.chunk(expected)] : []
        let isAsLong = next.count == words.count && expected < before.chunks
        let name = Name(words)
        if isAsLong, isAligned ? next.first == words.first : name != nil && Name(next) == name {
            return expected
        }
        if let name, let place = place(of: name), before.chunk(place).count == words.count {
            return place
        }
        return isAsLong ? expected : nil
    }

    private mutating func place(of name: Name) -> Int? {
        if byName == nil {
            var places: [Name: Int] = [:]
            for index in 0..<before.chunks {
                if let name = Name(before.words[before.chunk(index)]) { places[name] = index }
            }
            byName = places
        }
        return byName?[name]
    }
}
