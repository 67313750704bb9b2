/// Turns values into words by their synthesized `encode`. A class because all containers of one
/// encoding write to it.
final class WordWriter {
    private(set) var words = Words()
    var texts = Texts()
    private var depth = 0
    private var isAfterElement = false
    /// Types that are lists, asked for once: the question is dearer than the answer.
    private var lists: [ObjectIdentifier: Bool] = [:]

    /// The words of one value. `recycled`: words that nobody needs any more, for their room.
    func words<Value: Encodable>(of value: Value, recycled: Words) throws -> Words {
        words = recycled
        words.clear()
        words.beginChunk()
        depth = 0
        isAfterElement = false
        try write(value)
        var result = Words()
        swap(&result, &words)
        return result
    }

    func put(_ word: UInt64) {
        if isAfterElement {
            isAfterElement = false
            words.beginChunk()
        }
        words.append(word)
    }

    func put(_ text: String) { put(texts.number(of: text)) }

    func put(_ numbers: [UInt64]) {
        put(UInt64(numbers.count))
        words.append(contentsOf: numbers)
    }

    func write<Value: Encodable>(_ value: Value) throws {
        if isList(Value.self), let list = value as? any WordList {
            return try list.write(to: self)
        }
        try value.encode(to: WordEncoder(writer: self))
    }

    func element<Value: Encodable>(_ value: Value) throws {
        if depth == 0 { words.beginChunk() }
        isAfterElement = false
        depth += 1
        try write(value)
        depth -= 1
        isAfterElement = depth == 0
    }

    /// The one word that a key of a dictionary is.
    func word<Key: Encodable>(of key: Key) throws -> UInt64 {
        try write(key)
        return words.removeLast() ?? 0
    }

    fileprivate var count: Int { words.words.count }
    fileprivate func increment(_ index: Int) { words.change(index, by: 1) }

    private func isList<Value>(_ type: Value.Type) -> Bool {
        if let known = lists[ObjectIdentifier(type)] { return known }
        let answer = type is any WordList.Type
        lists[ObjectIdentifier(type)] = answer
        return answer
    }
}

struct WordEncoder: Encoder {
    let writer: WordWriter
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(KeyedWords<Key>(writer: writer))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        writer.put(0)
        return UnkeyedWords(writer: writer, start: writer.count - 1)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { SingleWord(writer: writer) }
}

private struct KeyedWords<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let writer: WordWriter
    var codingPath: [any CodingKey] { [] }

    func encodeNil(forKey key: Key) { writer.put(0) }
    func encode(_ value: Bool, forKey key: Key) { writer.put(value ? 1 : 0) }
    func encode(_ value: String, forKey key: Key) { writer.put(value) }
    func encode(_ value: Double, forKey key: Key) { writer.put(value.bitPattern) }
    func encode(_ value: Float, forKey key: Key) { writer.put(Double(value).bitPattern) }
    func encode<Number: FixedWidthInteger & Encodable>(_ value: Number, forKey key: Key) {
        writer.put(UInt64(truncatingIfNeeded: value))
    }
    func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
        try writer.write(value)
    }

    func encodeIfPresent(_ value: Bool?, forKey key: Key) {
        if isPresent(value), let value { encode(value, forKey: key) }
    }
    func encodeIfPresent(_ value: String?, forKey key: Key) {
        if isPresent(value), let value { encode(value, forKey: key) }
    }
    func encodeIfPresent(_ value: Double?, forKey key: Key) {
        if isPresent(value), let value { encode(value, forKey: key) }
    }
    func encodeIfPresent(_ value: Float?, forKey key: Key) {
        if isPresent(value), let value { encode(value, forKey: key) }
    }
    // Each by name: a generic one would lose against the protocol's own, which leaves `nil` out.
    func encodeIfPresent(_ value: Int?, forKey key: Key) { putIfPresent(value) }
    func encodeIfPresent(_ value: Int8?, forKey key: Key) { putIfPresent(value) }
    func encodeIfPresent(_ value: Int16?, forKey key: Key) { putIfPresent(value) }
    func encodeIfPresent(_ value: Int32?, forKey key: Key) { putIfPresent(value) }
    func encodeIfPresent(_ value: Int64?, forKey key: Key) { putIfPresent(value) }
    func encodeIfPresent(_ value: UInt?, forKey key: Key) { putIfPresent(value) }
    func encodeIfPresent(_ value: UInt8?, forKey key: Key) { putIfPresent(value) }
    func encodeIfPresent(_ value: UInt16?, forKey key: Key) { putIfPresent(value) }
    func encodeIfPresent(_ value: UInt32?, forKey key: Key) { putIfPresent(value) }
    func encodeIfPresent(_ value: UInt64?, forKey key: Key) { putIfPresent(value) }
    func encodeIfPresent<Value: Encodable>(_ value: Value?, forKey key: Key) throws {
        if isPresent(value), let value { try encode(value, forKey: key) }
    }

    private func putIfPresent(_ number: (some FixedWidthInteger)?) {
        if isPresent(number), let number { writer.put(UInt64(truncatingIfNeeded: number)) }
    }

    private func isPresent<Value>(_ value: Value?) -> Bool {
        writer.put(value == nil ? 0 : 1)
        return value != nil
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> { WordEncoder(writer: writer).container(keyedBy: type) }
    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        WordEncoder(writer: writer).unkeyedContainer()
    }
    func superEncoder() -> any Encoder { WordEncoder(writer: writer) }
    func superEncoder(forKey key: Key) -> any Encoder { WordEncoder(writer: writer) }
}

private struct UnkeyedWords: UnkeyedEncodingContainer {
    let writer: WordWriter
    /// Where the length is.
    let start: Int
    private(set) var count = 0
    var codingPath: [any CodingKey] { [] }

    init(writer: WordWriter, start: Int) {
        self.writer = writer
        self.start = start
    }

    private mutating func add() {
        count += 1
        writer.increment(start)
    }

    mutating func encodeNil() {
        add()
        writer.put(0)
    }
    mutating func encode<Number: FixedWidthInteger & Encodable>(_ value: Number) {
        add()
        writer.put(UInt64(truncatingIfNeeded: value))
    }
    mutating func encode<Value: Encodable>(_ value: Value) throws {
        add()
        try writer.write(value)
    }
    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) -> KeyedEncodingContainer<Nested> {
        add()
        return WordEncoder(writer: writer).container(keyedBy: type)
    }
    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        add()
        return WordEncoder(writer: writer).unkeyedContainer()
    }
    func superEncoder() -> any Encoder { WordEncoder(writer: writer) }
}

private struct SingleWord: SingleValueEncodingContainer {
    let writer: WordWriter
    var codingPath: [any CodingKey] { [] }

    func encodeNil() { writer.put(0) }
    func encode(_ value: Bool) { writer.put(value ? 1 : 0) }
    func encode(_ value: String) { writer.put(value) }
    func encode(_ value: Double) { writer.put(value.bitPattern) }
    func encode(_ value: Float) { writer.put(Double(value).bitPattern) }
    func encode<Number: FixedWidthInteger & Encodable>(_ value: Number) {
        writer.put(UInt64(truncatingIfNeeded: value))
    }
    func encode<Value: Encodable>(_ value: Value) throws { try writer.write(value) }
}
