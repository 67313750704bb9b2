import Host
import Signals
import Training

/// A signal's totals, or why there are none.
private struct Told<Value: Signal>: Codable {
    var value: Value?
    var reason: String?

    init(_ reading: Result<Value, Unavailable>) {
        switch reading {
        case .success(let value): self.value = value
        case .failure(let why): reason = why.reason
        }
    }

    var reading: Result<Value, Unavailable> {
        value.map { .success($0) } ?? .failure(Unavailable(reason ?? ""))
    }
}

/// Facts and job come before the signals of `allSignals`.
private let factsSection = 0
private let jobSection = 1
private let firstSignal = 2

/// Turns entries into rows: what is other than in the row before, or all of it.
struct RowWriter {
    private let writer = WordWriter()
    private var before = [Words](repeating: Words(), count: firstSignal + allSignals.count)
    private var facts: HostFacts?
    private var job: Job?
    /// Words of the row before the last, for their room.
    private var recycled = Words()
    private var bytes = ByteWriter()
    private var differences = DifferenceBytes()

    /// `isWhole`: the row can be read without those before it.
    mutating func row(_ entry: Entry, isWhole: Bool) throws -> [UInt8] {
        if isWhole { self = RowWriter() }
        differences.clear()
        try write(entry.facts, since: facts, factsSection)
        facts = entry.facts
        try write(entry.job, since: job, jobSection)
        job = entry.job
        for (index, signal) in allSignals.enumerated() {
            try write(signal, entry.sample.totals, firstSignal + index)
        }
        bytes.clear()
        bytes.append(entry.sample.monotonic)
        bytes.append(entry.wallClock.bitPattern)
        let texts = writer.takeNewTexts()
        bytes.append(UInt64(texts.count))
        for text in texts { bytes.append(text) }
        bytes.append(UInt64(differences.shape.bytes.count))
        return try compressed(bytes.bytes + differences.shape.bytes + differences.amounts.bytes)
    }

    private mutating func write<Value: Codable & Equatable>(
        _ value: Value, since earlier: Value?, _ section: Int
    ) throws {
        guard value != earlier else {
            return DifferenceWriter.writeNothing(since: before[section], to: &differences)
        }
        try write(words: value, section)
    }

    private mutating func write<Value: Signal>(
        _ signal: Value.Type, _ totals: Readings, _ section: Int
    ) throws {
        try write(words: Told(totals[signal].map(\.inOrder)), section)
    }

    private mutating func write<Value: Encodable>(words value: Value, _ section: Int) throws {
        let now = try writer.words(of: value, recycled: recycled)
        DifferenceWriter.write(now, since: before[section], to: &differences)
        recycled = before[section]
        before[section] = now
    }
}

extension Signal {
    /// Waits come in an order of the moment, out of a dictionary.
    fileprivate var inOrder: Self {
        guard var threads = self as? Threads else { return self }
        // A wait is large, and there are thousands.
        let order = threads.waits.indices
            .map {
                (
                    UInt64(UInt32(bitPattern: threads.waits[$0].tid)) << 32
                        | UInt64(UInt32(bitPattern: threads.waits[$0].culprit.id)), $0
                )
            }
            .sorted { $0 < $1 }
        threads.waits = order.map { threads.waits[$0.1] }
        return threads as? Self ?? self
    }
}

/// Reads rows in the order in which they were written, from a whole one on.
struct RowReader {
    /// Words of one row: 10,000 threads have a third of a million.
    private static let mostWords = 2 << 20
    /// Bytes of all texts since the last whole row.
    private static let mostText = 32 << 20

    private var sections = [Words](repeating: Words(), count: firstSignal + allSignals.count)
    private var texts: [String] = []
    private var textBytes = 0
    private(set) var monotonic: UInt64 = 0
    private(set) var wallClock = 0.0
    /// Bytes of the last row before it was packed.
    private(set) var unpacked = 0

    /// Room that the row takes when its values are made.
    var words: Int { sections.reduce(0) { $0 + $1.words.count } }
    /// What the job and the facts are made of, to see whether they are others.
    var jobWords: Words { sections[jobSection] }
    var factsWords: Words { sections[factsSection] }

    mutating func take(_ row: [UInt8], isWhole: Bool) throws(Corruption) {
        if isWhole { self = RowReader() }
        let inflated = try inflated(row)
        unpacked = inflated.count
        var bytes = ByteReader(inflated)
        monotonic = try bytes.number()
        wallClock = Double(bitPattern: try bytes.number())
        guard wallClock.isFinite else { throw Corruption("a row has no time") }
        textBytes += bytes.left
        guard textBytes <= Self.mostText else { throw Corruption("texts are too long") }
        for _ in 0..<(try bytes.count()) { texts.append(try bytes.text()) }
        textBytes -= bytes.left
        let shape = try bytes.take(try bytes.count())
        let amounts = try bytes.take(bytes.left)
        var reader = DifferenceReader(shape: shape, amounts: amounts, room: Self.mostWords)
        for index in sections.indices {
            sections[index] = try reader.words(since: sections[index])
        }
        guard reader.isAtEnd else { throw Corruption("a row goes on after its end") }
    }

    func facts() throws(Corruption) -> HostFacts {
        try WordReader.value(HostFacts.self, of: sections[factsSection], texts: texts)
    }

    func job() throws(Corruption) -> Job {
        try WordReader.value(Job.self, of: sections[jobSection], texts: texts)
    }

    func sample() throws(Corruption) -> Sample {
        var totals = Readings()
        for (index, signal) in allSignals.enumerated() {
            try read(signal, sections[firstSignal + index], &totals)
        }
        return Sample(monotonic: monotonic, totals: totals)
    }

    private func read<Value: Signal>(
        _ signal: Value.Type, _ words: Words, _ totals: inout Readings
    ) throws(Corruption) {
        totals[signal] = try WordReader.value(Told<Value>.self, of: words, texts: texts).reading
    }
}
