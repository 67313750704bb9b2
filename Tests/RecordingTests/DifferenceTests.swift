import Testing

@testable import Recording

/// Differences of words, which know nothing of what the words mean.
@Suite struct DifferenceTests {
    private func difference(_ now: Words, since before: Words) -> DifferenceBytes {
        var bytes = DifferenceBytes()
        DifferenceWriter.write(now, since: before, to: &bytes)
        return bytes
    }

    private func words(_ bytes: DifferenceBytes, since before: Words) throws(Corruption) -> Words {
        var reader = DifferenceReader(
            shape: bytes.shape.bytes, amounts: bytes.amounts.bytes, room: 100_000)
        let words = try reader.words(since: before)
        guard reader.isAtEnd else { throw Corruption("more") }
        return words
    }

    /// Chunks with a name of three words, and numbers behind it.
    private func random(_ chunks: Int, using dice: inout Dice) -> Words {
        var words = Words()
        for _ in 0..<chunks {
            let length = Int.random(in: 0..<9, using: &dice)
            words.addChunk(
                (0..<length).map { $0 < 3 ? dice.next() % 5 : dice.next() % 1_000_000 }[...])
        }
        return words
    }

    private func edited(_ words: Words, using dice: inout Dice) -> Words {
        var edited = Words()
        for index in 0..<words.chunks {
            var chunk = Array(words.words[words.chunk(index)])
            switch dice.next() % 6 {
            case 0: continue
            case 1: edited.addChunk([dice.next(), 1, 2])
            case 2:
                for place in chunk.indices where dice.next() % 2 == 0 {
                    chunk[place] &+= dice.next() >> (dice.next() % 64)
                }
            default: break
            }
            edited.addChunk(chunk[...])
        }
        return edited
    }

    @Test func anythingComesBack() throws {
        var dice = Dice(20_261_123)
        for round in 0..<500 {
            let before = random(round % 40, using: &dice)
            let now = round % 3 == 0 ? random(7, using: &dice) : edited(before, using: &dice)
            #expect(try words(difference(now, since: before), since: before) == now)
        }
    }

    @Test func whatDidNotChangeTakesNoRoom() throws {
        var dice = Dice(3)
        let before = random(1_000, using: &dice)
        var bytes = difference(before, since: before)
        #expect(bytes.shape.bytes.count + bytes.amounts.bytes.count <= 6)
        bytes.clear()
        DifferenceWriter.writeNothing(since: before, to: &bytes)
        #expect(try words(bytes, since: before) == before)
        bytes.clear()
        DifferenceWriter.writeNothing(since: Words(), to: &bytes)
        #expect(try words(bytes, since: Words()) == Words())
    }

    /// A thread that came or went must not make those after it look new.
    @Test func oneMoreInTheMiddleCostsLittle() throws {
        var before = Words()
        var now = Words()
        for number in UInt64(0)..<500 {
            let chunk = [number, 7, number &* 77] + (0..<25).map { number &* 1_000_003 &+ $0 }
            before.addChunk(chunk[...])
            if number == 250 { now.addChunk([9_999, 7, 1] + Array(chunk[3...])) }
            if number != 100 { now.addChunk(chunk[...]) }
        }
        let bytes = difference(now, since: before)
        #expect(bytes.shape.bytes.count + bytes.amounts.bytes.count < 200)
        #expect(try words(bytes, since: before) == now)
    }

    @Test func damageIsRefusedOrReadAndTakesNoMoreRoomThanAllowed() {
        var dice = Dice(77)
        let before = random(60, using: &dice)
        let whole = difference(edited(before, using: &dice), since: before)
        for _ in 0..<5_000 {
            var (shape, amounts) = (whole.shape.bytes, whole.amounts.bytes)
            for _ in 0...(dice.next() % 4) {
                let byte = UInt8(truncatingIfNeeded: dice.next())
                switch dice.next() % 4 {
                case 0: shape[Int(dice.next() % UInt64(shape.count))] = byte
                case 1: amounts[Int(dice.next() % UInt64(amounts.count))] = byte
                case 2: shape.removeLast(Int(dice.next() % 3).clamped(to: shape.count - 1))
                default: amounts.append(byte)
                }
            }
            var reader = DifferenceReader(shape: shape, amounts: amounts, room: 2_000)
            if let words = try? reader.words(since: before) {
                #expect(words.words.count + words.chunks <= 2_000)
            }
        }
    }

    @Test func aBombOfEmptyChunksIsRefused() {
        var shape = ByteWriter()
        shape.append(1 << 40)
        for _ in 0..<100_000 { shape.append(2) }
        var reader = DifferenceReader(shape: shape.bytes, amounts: [], room: 5_000)
        #expect(throws: Corruption.self) { try reader.words(since: Words()) }
    }
}

extension Int {
    fileprivate func clamped(to most: Int) -> Int { Swift.max(0, Swift.min(self, most)) }
}
