/// How a chunk is written down.
enum ChunkKind: UInt64 {
    /// A number of chunks are the same as those that were expected next.
    case same
    /// Words of an earlier chunk of the same length have changed: of the expected one, or of one so
    /// far off.
    case changed
    /// All its words.
    case whole
}

/// Apart, because zlib packs what repeats, and amounts never do.
struct DifferenceBytes {
    var shape = ByteWriter()
    var amounts = ByteWriter()

    mutating func clear() {
        shape.clear()
        amounts.clear()
    }
}

/// What `now` has other than `before`, chunk by chunk. Which earlier chunk a chunk is compared with
/// is a guess that costs room when it is wrong, and never the truth.
struct DifferenceWriter {
    private var bytes: DifferenceBytes
    private var sames: UInt64 = 0
    private var expected = 0
    /// The last change of the word at each place of a chunk: threads that sleep all change alike.
    private var last: [UInt64] = []

    /// Appends the difference to `bytes`.
    static func write(_ now: Words, since before: Words, to bytes: inout DifferenceBytes) {
        var writer = DifferenceWriter(bytes: DifferenceBytes())
        swap(&writer.bytes, &bytes)
        writer.write(now, since: before)
        swap(&writer.bytes, &bytes)
    }

    /// Appends that nothing has changed.
    static func writeNothing(since before: Words, to bytes: inout DifferenceBytes) {
        bytes.shape.append(UInt64(before.chunks))
        if before.chunks > 0 {
            bytes.shape.append(UInt64(before.chunks - 1) << 2 | ChunkKind.same.rawValue)
        }
    }

    private init(bytes: DifferenceBytes) { self.bytes = bytes }

    private mutating func write(_ now: Words, since before: Words) {
        bytes.shape.append(UInt64(now.chunks))
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
            bytes.shape.append(zigzag(Int64(place - expected)) << 2 | ChunkKind.changed.rawValue)
            writeChanges(now.words[chunk], since: before.words[partner])
            expected = place + 1
        }
        endSames()
    }

    private mutating func endSames() {
        guard sames > 0 else { return }
        bytes.shape.append((sames - 1) << 2 | ChunkKind.same.rawValue)
        sames = 0
    }

    private mutating func writeWhole(_ words: ArraySlice<UInt64>) {
        endSames()
        bytes.shape.append(UInt64(words.count) << 2 | ChunkKind.whole.rawValue)
        for word in words { bytes.amounts.append(word) }
    }

    /// The number of changes; then for each how many words are skipped, and by how much the word
    /// grew, or how much more that is than where the same word changed last.
    private mutating func writeChanges(
        _ now: ArraySlice<UInt64>, since before: ArraySlice<UInt64>
    ) {
        var changes: UInt64 = 0
        for offset in 0..<now.count
        where now[now.startIndex + offset] != before[before.startIndex + offset] { changes += 1 }
        bytes.shape.append(changes)
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
            bytes.shape.append(UInt64(offset - next) << 1 | (relative < plain ? 1 : 0))
            bytes.amounts.append(min(plain, relative))
            last[offset] = growth
            next = offset + 1
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
