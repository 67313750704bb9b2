/// Lists, sets and dictionaries, which their own `encode` would write in an order of the moment, and
/// element by element at a high price.
protocol WordList {
    func write(to writer: WordWriter) throws
    init(words reader: WordReader) throws
}

extension Array: WordList where Element: Codable {
    func write(to writer: WordWriter) throws {
        if let numbers = self as? [UInt64] { return writer.put(numbers) }
        writer.put(UInt64(count))
        if !isEmpty { try writer.write(elements: self) }
    }

    init(words reader: WordReader) throws {
        let count = try reader.count()
        if Element.self == UInt64.self, let numbers = try reader.numbers(count) as? [Element] {
            self = numbers
            return
        }
        self = try reader.read(elements: count, Element.self)
    }
}

extension Set: WordList where Element: Codable {
    func write(to writer: WordWriter) throws {
        writer.put(try map { try writer.word(of: $0) }.sorted())
    }

    init(words reader: WordReader) throws {
        self = []
        for _ in 0..<(try reader.count()) { insert(try reader.read(Element.self)) }
    }
}

extension Dictionary: WordList where Key: Codable, Value: Codable {
    /// In the order of the keys' words, so that the same keys stand at the same place next time.
    func write(to writer: WordWriter) throws {
        if let numbers = self as? [String: UInt64] { return writer.put(numbers) }
        guard !isEmpty else { return writer.put(0) }
        var pairs: [(key: UInt64, value: Value)] = []
        pairs.reserveCapacity(count)
        for (key, value) in self { pairs.append((try writer.word(of: key), value)) }
        pairs.sort { $0.key < $1.key }
        writer.put(UInt64(count))
        for (key, value) in pairs {
            writer.put(key)
            try writer.write(value)
        }
    }

    init(words reader: WordReader) throws {
        self = [:]
        for _ in 0..<(try reader.count()) {
            let key = try reader.read(Key.self)
            self[key] = try reader.read(Value.self)
        }
    }
}
