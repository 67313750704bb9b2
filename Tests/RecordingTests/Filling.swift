/// Makes a value of any recorded type with something of its own in every field, and notes which
/// fields there are.
final class Filling {
    private(set) var fields: [String] = []
    private var path: [String] = []
    private var count: UInt64 = 1_000_003

    static func value<Value: Decodable>(_ type: Value.Type) throws -> (Value, [String]) {
        let filling = Filling()
        let value = try filling.make(type, as: "\(type)")
        return (value, filling.fields)
    }

    fileprivate func note(_ type: Any.Type) {
        fields.append(path.joined(separator: ".") + ": \(type)")
    }

    fileprivate func number() -> UInt64 {
        count = (count &* 48_271) % 2_147_483_647
        return count
    }

    /// Names of cases: an enumeration takes no other text.
    fileprivate static let names = [
        "probes", "process", "processes", "gpu", "nvidia", "idle", "samples", "launch",
        "InfiniBand", "power", "powerCap", "no-context",
    ]

    fileprivate func make<Value: Decodable>(_ type: Value.Type, as name: String) throws -> Value {
        path.append(name)
        defer { path.removeLast() }
        if let dictionary = type as? any FillableDictionary.Type,
            let value = try dictionary.init(filling: self) as? Value
        {
            return value
        }
        guard type is any RawRepresentable.Type else {
            return try Value(from: FillingDecoder(filling: self, text: "text"))
        }
        for text in Self.names {
            let before = fields
            do {
                return try Value(from: FillingDecoder(filling: self, text: text))
            } catch DecodingError.dataCorrupted {
                fields = before
            }
        }
        throw DecodingError.dataCorrupted(
            DecodingError.Context(codingPath: [], debugDescription: path.joined(separator: ".")))
    }
}

/// The keys of a dictionary may be cases, too.
private protocol FillableDictionary {
    init(filling: Filling) throws
}

extension Dictionary: FillableDictionary where Key: Decodable, Value: Decodable {
    fileprivate init(filling: Filling) throws {
        self = [:]
        for number in 1...2 {
            let key = try filling.make(Key.self, as: "key")
            self[key] = try filling.make(Value.self, as: "\(number)")
        }
    }
}

private struct FillingDecoder: Decoder {
    let filling: Filling
    let text: String
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(FillingKeyed<Key>(filling: filling))
    }
    func unkeyedContainer() -> any UnkeyedDecodingContainer { FillingUnkeyed(filling: filling) }
    func singleValueContainer() -> any SingleValueDecodingContainer {
        FillingSingle(filling: filling, text: text)
    }
}

private struct FillingKeyed<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let filling: Filling
    var codingPath: [any CodingKey] { [] }

    var allKeys: [Key] { [] }
    func contains(_ key: Key) -> Bool { true }
    func decodeNil(forKey key: Key) -> Bool { false }
    func decode(_ type: String.Type, forKey key: Key) throws -> String {
        try filling.make(type, as: key.stringValue) + " of \(key.stringValue) \(filling.number())"
    }
    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        try filling.make(type, as: key.stringValue)
    }
    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) -> KeyedDecodingContainer<Nested> {
        KeyedDecodingContainer(FillingKeyed<Nested>(filling: filling))
    }
    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedDecodingContainer {
        FillingUnkeyed(filling: filling)
    }
    func superDecoder() -> any Decoder { FillingDecoder(filling: filling, text: "") }
    func superDecoder(forKey key: Key) -> any Decoder { superDecoder() }
}

/// Two elements for lists, and eleven for those who ask for more.
private struct FillingUnkeyed: UnkeyedDecodingContainer {
    let filling: Filling
    private(set) var currentIndex = 0
    var codingPath: [any CodingKey] { [] }
    var count: Int? { nil }
    var isAtEnd: Bool { currentIndex >= 2 }

    init(filling: Filling) { self.filling = filling }

    func decodeNil() -> Bool { false }
    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        currentIndex += 1
        return try filling.make(type, as: "\(currentIndex)")
    }
    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) -> KeyedDecodingContainer<Nested> {
        KeyedDecodingContainer(FillingKeyed<Nested>(filling: filling))
    }
    func nestedUnkeyedContainer() -> any UnkeyedDecodingContainer { self }
    func superDecoder() -> any Decoder { FillingDecoder(filling: filling, text: "") }
}

private struct FillingSingle: SingleValueDecodingContainer {
    let filling: Filling
    let text: String
    var codingPath: [any CodingKey] { [] }

    func decodeNil() -> Bool { false }
    func decode(_ type: Bool.Type) -> Bool {
        filling.note(type)
        return true
    }
    func decode(_ type: String.Type) -> String {
        filling.note(type)
        return text
    }
    func decode(_ type: Double.Type) -> Double {
        filling.note(type)
        return Double(filling.number()) / 8
    }
    func decode(_ type: Float.Type) -> Float { Float(filling.number()) }
    func decode<Number: FixedWidthInteger & Decodable>(_ type: Number.Type) -> Number {
        filling.note(type)
        return Number(truncatingIfNeeded: filling.number() % 60_000)
    }
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try filling.make(type, as: "value")
    }
}
