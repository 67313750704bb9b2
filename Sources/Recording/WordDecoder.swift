/// Makes values of words by their synthesized `init(from:)`. A class because all containers of one
/// decoding move on in it.
final class WordReader {
    private let words: [UInt64]
    private let texts: [String]
    /// Behind a pointer, as in `WordWriter`.
    private let state: UnsafeMutablePointer<State>

    private struct State {
        var position = 0
        var lists: [ObjectIdentifier: (any WordList.Type)?] = [:]
    }

    init(_ words: Words, texts: [String]) {
        self.words = words.words
        self.texts = texts
        state = .allocate(capacity: 1)
        state.initialize(to: State())
    }

    deinit {
        state.deinitialize(count: 1)
        state.deallocate()
    }

    private var position: Int {
        get { state.pointee.position }
        set { state.pointee.position = newValue }
    }

    /// The value that all the words are.
    static func value<Value: Decodable>(
        _ type: Value.Type, of words: Words, texts: [String]
    ) throws(Corruption) -> Value {
        let reader = WordReader(words, texts: texts)
        do {
            let value = try reader.read(type)
            guard reader.position == reader.words.count else {
                throw Corruption("there is more than a \(type)")
            }
            return value
        } catch let corruption as Corruption {
            throw corruption
        } catch {
            throw Corruption("no \(type)")
        }
    }

    func word() throws(Corruption) -> UInt64 {
        guard position < words.count else { throw Corruption("a value is cut off") }
        defer { position += 1 }
        return words[position]
    }

    /// A number of things that take at least a word each.
    func count() throws(Corruption) -> Int {
        let count = try word()
        guard count <= UInt64(words.count - position) else {
            throw Corruption("a list is longer than what there is")
        }
        return Int(count)
    }

    func numbers(_ count: Int) throws(Corruption) -> [UInt64] {
        defer { position += count }
        return Array(words[position..<position + count])
    }

    func number<Number: FixedWidthInteger>(_ type: Number.Type) throws(Corruption) -> Number {
        let word = try word()
        let number =
            Number.isSigned ? Number(exactly: Int64(bitPattern: word)) : Number(exactly: word)
        guard let number else { throw Corruption("a number is out of range") }
        return number
    }

    func bool() throws(Corruption) -> Bool {
        let word = try word()
        guard word <= 1 else { throw Corruption("neither yes nor no") }
        return word == 1
    }

    func double() throws(Corruption) -> Double { Double(bitPattern: try word()) }

    func text() throws(Corruption) -> String {
        let number = try word()
        guard number < UInt64(texts.count) else { throw Corruption("a text is missing") }
        return texts[Int(number)]
    }

    func read<Value: Decodable>(_ type: Value.Type) throws -> Value {
        if let list = list(type), let value = try list.init(words: self) as? Value { return value }
        return try Value(from: WordDecoder(reader: self))
    }

    /// So many elements of a list.
    func read<Value: Decodable>(elements count: Int, _ type: Value.Type) throws -> [Value] {
        var elements: [Value] = []
        // What a file says is no reason to take gigabytes.
        elements.reserveCapacity(min(count, 1_024))
        let isList = list(type) != nil
        let decoder = WordDecoder(reader: self)
        for _ in 0..<count {
            elements.append(isList ? try read(type) : try Value(from: decoder))
        }
        return elements
    }

    private func list<Value>(_ type: Value.Type) -> (any WordList.Type)? {
        if let known = state.pointee.lists[ObjectIdentifier(type)] { return known }
        let answer = type as? any WordList.Type
        state.pointee.lists[ObjectIdentifier(type)] = .some(answer)
        return answer
    }
}

struct WordDecoder: Decoder {
    let reader: WordReader
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(KeyedReading<Key>(reader: reader))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        UnkeyedReading(reader: reader, length: try reader.count())
    }

    func singleValueContainer() -> any SingleValueDecodingContainer {
        SingleReading(reader: reader)
    }
}

private struct KeyedReading<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let reader: WordReader
    var codingPath: [any CodingKey] { [] }
    var allKeys: [Key] { [] }

    func contains(_ key: Key) -> Bool { true }
    func decodeNil(forKey key: Key) throws -> Bool { try !reader.bool() }
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try reader.bool() }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try reader.text() }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try reader.double() }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float {
        Float(try reader.double())
    }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int {
        try reader.number(type)
    }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 {
        try reader.number(type)
    }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 {
        try reader.number(type)
    }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 {
        try reader.number(type)
    }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 {
        try reader.number(type)
    }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt {
        try reader.number(type)
    }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 {
        try reader.number(type)
    }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 {
        try reader.number(type)
    }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 {
        try reader.number(type)
    }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 {
        try reader.number(type)
    }
    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        try reader.read(type)
    }

    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? {
        try reader.bool() ? try reader.bool() : nil
    }
    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? {
        try reader.bool() ? try reader.text() : nil
    }
    func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? {
        try reader.bool() ? try reader.double() : nil
    }
    func decodeIfPresent(_ type: Float.Type, forKey key: Key) throws -> Float? {
        try reader.bool() ? Float(try reader.double()) : nil
    }
    func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? {
        try numberIfPresent()
    }
    func decodeIfPresent(_ type: Int8.Type, forKey key: Key) throws -> Int8? {
        try numberIfPresent()
    }
    func decodeIfPresent(_ type: Int16.Type, forKey key: Key) throws -> Int16? {
        try numberIfPresent()
    }
    func decodeIfPresent(_ type: Int32.Type, forKey key: Key) throws -> Int32? {
        try numberIfPresent()
    }
    func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? {
        try numberIfPresent()
    }
    func decodeIfPresent(_ type: UInt.Type, forKey key: Key) throws -> UInt? {
        try numberIfPresent()
    }
    func decodeIfPresent(_ type: UInt8.Type, forKey key: Key) throws -> UInt8? {
        try numberIfPresent()
    }
    func decodeIfPresent(_ type: UInt16.Type, forKey key: Key) throws -> UInt16? {
        try numberIfPresent()
    }
    func decodeIfPresent(_ type: UInt32.Type, forKey key: Key) throws -> UInt32? {
        try numberIfPresent()
    }
    func decodeIfPresent(_ type: UInt64.Type, forKey key: Key) throws -> UInt64? {
        try numberIfPresent()
    }
    func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
        try reader.bool() ? try reader.read(type) : nil
    }

    private func numberIfPresent<Number: FixedWidthInteger>() throws(Corruption) -> Number? {
        try reader.bool() ? try reader.number(Number.self) : nil
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        WordDecoder(reader: reader).container(keyedBy: type)
    }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try WordDecoder(reader: reader).unkeyedContainer()
    }
    func superDecoder() throws -> any Decoder { WordDecoder(reader: reader) }
    func superDecoder(forKey key: Key) throws -> any Decoder { WordDecoder(reader: reader) }
}

private struct UnkeyedReading: UnkeyedDecodingContainer {
    let reader: WordReader
    let length: Int
    private(set) var currentIndex = 0
    var codingPath: [any CodingKey] { [] }
    var count: Int? { length }
    var isAtEnd: Bool { currentIndex >= length }

    init(reader: WordReader, length: Int) {
        self.reader = reader
        self.length = length
    }

    private mutating func advance() throws(Corruption) {
        guard !isAtEnd else { throw Corruption("a list is too short") }
        currentIndex += 1
    }

    mutating func decodeNil() throws -> Bool { false }
    mutating func decode<Number: FixedWidthInteger & Decodable>(
        _ type: Number.Type
    ) throws -> Number {
        try advance()
        return try reader.number(type)
    }
    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try advance()
        return try reader.read(type)
    }
    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> {
        try advance()
        return WordDecoder(reader: reader).container(keyedBy: type)
    }
    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try advance()
        return try WordDecoder(reader: reader).unkeyedContainer()
    }
    func superDecoder() throws -> any Decoder { WordDecoder(reader: reader) }
}

private struct SingleReading: SingleValueDecodingContainer {
    let reader: WordReader
    var codingPath: [any CodingKey] { [] }

    func decodeNil() -> Bool { false }
    func decode(_ type: Bool.Type) throws -> Bool { try reader.bool() }
    func decode(_ type: String.Type) throws -> String { try reader.text() }
    func decode(_ type: Double.Type) throws -> Double { try reader.double() }
    func decode(_ type: Float.Type) throws -> Float { Float(try reader.double()) }
    func decode<Number: FixedWidthInteger & Decodable>(_ type: Number.Type) throws -> Number {
        try reader.number(type)
    }
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try reader.read(type) }
}
