/// Turns values into words by their synthesized `encode`. A class because all containers of one
/// encoding write to it.
final class WordWriter {
    /// Behind a pointer: every access to a property of a class is checked at run time, and that would
    /// be most of the cost.
    private let state: UnsafeMutablePointer<State>

    private struct State {
        var words = Words()
        var texts = Texts()
        var depth = 0
        var isAfterElement = false
        /// Types that are lists, and `nil` for others, asked for once: the question is dear.
        var lists: [ObjectIdentifier: (any WordList.Type)?] = [:]
    }

    init() {
        state = .allocate(capacity: 1)
        state.initialize(to: State())
    }

    deinit {
        state.deinitialize(count: 1)
        state.deallocate()
    }

    func takeNewTexts() -> ArraySlice<String> { state.pointee.texts.takeNew() }

    /// The words of one value. `recycled`: words that nobody needs any more, for their room.
    func words<Value: Encodable>(of value: Value, recycled: consuming Words) throws -> Words {
        recycled.clear()
        recycled.beginChunk()
        state.pointee.words = recycled
        state.pointee.depth = 0
        state.pointee.isAfterElement = false
        try write(value)
        var result = Words()
        swap(&result, &state.pointee.words)
        return result
    }

    @inline(__always)
    func put(_ word: UInt64) {
        if state.pointee.isAfterElement {
            state.pointee.isAfterElement = false
            state.pointee.words.beginChunk()
        }
        state.pointee.words.append(word)
    }

    func put(_ text: String) { put(state.pointee.texts.number(of: text)) }

    func put(_ numbers: [UInt64]) {
        put(UInt64(numbers.count))
        state.pointee.words.append(contentsOf: numbers)
    }

    /// As a dictionary writes itself, for the many counters of a kernel.
    func put(_ numbers: [String: UInt64]) {
        var pairs = numbers.map { (state.pointee.texts.number(of: $0), $1) }
        pairs.sort { $0.0 < $1.0 }
        put(UInt64(pairs.count))
        for (key, value) in pairs {
            state.pointee.words.append(key)
            state.pointee.words.append(value)
        }
    }

    func write<Value: Encodable>(_ value: Value) throws {
        guard let list = list(Value.self) else {
            return try value.encode(to: WordEncoder(writer: self))
        }
        try write(value, as: list)
    }

    /// The elements of a list; those of an outermost one are a chunk each.
    func write<Value: Encodable>(elements: [Value]) throws {
        let list = list(Value.self)
        let encoder = WordEncoder(writer: self)
        let isOutermost = state.pointee.depth == 0
        state.pointee.depth += 1
        defer { state.pointee.depth -= 1 }
        for element in elements {
            if isOutermost {
                state.pointee.words.beginChunk()
                state.pointee.isAfterElement = false
            }
            if let list { try write(element, as: list) } else { try element.encode(to: encoder) }
            state.pointee.isAfterElement = isOutermost
        }
    }

    /// The one word that a key of a dictionary is.
    func word<Key: Encodable>(of key: Key) throws -> UInt64 {
        try write(key)
        return state.pointee.words.removeLast() ?? 0
    }

    fileprivate var count: Int { state.pointee.words.words.count }
    fileprivate func increment(_ index: Int) { state.pointee.words.change(index, by: 1) }

    private func list<Value>(_ type: Value.Type) -> (any WordList.Type)? {
        if let known = state.pointee.lists[ObjectIdentifier(type)] { return known }
        let answer = type as? any WordList.Type
        state.pointee.lists[ObjectIdentifier(type)] = .some(answer)
        return answer
    }

    /// `Value` is `List`, which only the caller knows.
    private func write<Value, List: WordList>(_ value: Value, as type: List.Type) throws {
        try withUnsafePointer(to: value) { pointer in
            try UnsafeRawPointer(pointer).assumingMemoryBound(to: List.self).pointee.write(to: self)
        }
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
    func encode(_ value: Int, forKey key: Key) { put(value) }
    func encode(_ value: Int8, forKey key: Key) { put(value) }
    func encode(_ value: Int16, forKey key: Key) { put(value) }
    func encode(_ value: Int32, forKey key: Key) { put(value) }
    func encode(_ value: Int64, forKey key: Key) { put(value) }
    func encode(_ value: UInt, forKey key: Key) { put(value) }
    func encode(_ value: UInt8, forKey key: Key) { put(value) }
    func encode(_ value: UInt16, forKey key: Key) { put(value) }
    func encode(_ value: UInt32, forKey key: Key) { put(value) }
    func encode(_ value: UInt64, forKey key: Key) { put(value) }
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

    @inline(__always)
    private func put(_ number: some FixedWidthInteger) {
        writer.put(UInt64(truncatingIfNeeded: number))
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
