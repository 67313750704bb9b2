import CYAML

/// What a file may be at most. Judgement: a hundred times what a long configuration needs.
package struct YAMLLimits: Sendable {
    package var bytes = 1 << 20
    package var depth = 16
    package var values = 20_000

    package init() {}
}

/// The one document in `bytes`; `nil` when there is nothing in it but comments.
package func yaml(_ bytes: [UInt8], limits: YAMLLimits = YAMLLimits()) throws(YAMLError)
    -> YAMLNode?
{
    guard bytes.count <= limits.bytes else {
        throw YAMLError(reason: .tooLarge(limit: limits.bytes))
    }
    guard String(validating: bytes, as: UTF8.self) != nil else {
        let valid = lengthOfValidStart(bytes)
        throw YAMLError(reason: .notUTF8, place: place(of: valid, in: bytes))
    }
    let result = bytes.withUnsafeBufferPointer { buffer in
        Result { () throws(YAMLError) in
            var events = try YAMLEvents(buffer)
            return try events.document(limits)
        }
    }
    return try result.get()
}

/// How many bytes stand before the first one that is not UTF-8.
private func lengthOfValidStart(_ bytes: [UInt8]) -> Int {
    var decoder = Unicode.UTF8.ForwardParser()
    var iterator = bytes.makeIterator()
    var length = 0
    while case .valid(let units) = decoder.parseScalar(from: &iterator) { length += units.count }
    return length
}

private func place(of offset: Int, in bytes: [UInt8]) -> Place {
    let before = bytes.prefix(max(offset, 0))
    let newline = UInt8(ascii: "\n")
    let start = before.lastIndex(of: newline).map { $0 + 1 } ?? 0
    return Place(line: before.count { $0 == newline } + 1, column: before.count - start + 1)
}

/// libyaml's events of one text, as values. The text must outlive it.
private struct YAMLEvents: ~Copyable {
    enum Event {
        case streamStart, streamEnd, documentStart, documentEnd
        case scalar(String, isPlain: Bool)
        case listStart, mappingStart, end
    }

    /// libyaml keeps the parser's own address in it.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let text: UnsafeBufferPointer<UInt8>
    private var left = 0

    init(_ text: UnsafeBufferPointer<UInt8>) throws(YAMLError) {
        self.text = text
        parser = .allocate(capacity: 1)
        parser.initialize(to: yaml_parser_t())
        guard yaml_parser_initialize(parser) == 1 else {
            parser.deallocate()
            throw YAMLError(reason: .syntax("out of memory"))
        }
        yaml_parser_set_input_string(parser, text.baseAddress, text.count)
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    mutating func document(_ limits: YAMLLimits) throws(YAMLError) -> YAMLNode? {
        left = limits.values
        _ = try next()
        guard case .documentStart = try next().event else { return nil }
        let (first, place) = try next()
        let root = try node(first, place, depth: 1, limits)
        _ = try next()
        let (event, end) = try next()
        guard case .streamEnd = event else {
            throw YAMLError(reason: .severalDocuments, place: end)
        }
        return root.isNull ? nil : root
    }

    private mutating func node(_ event: Event, _ place: Place, depth: Int, _ limits: YAMLLimits)
        throws(YAMLError) -> YAMLNode
    {
        left -= 1
        guard left >= 0 else {
            throw YAMLError(reason: .tooMany(limit: limits.values), place: place)
        }
        if case .scalar(let text, let isPlain) = event {
            return YAMLNode(.scalar(text, isPlain: isPlain), place)
        }
        guard depth <= limits.depth else {
            throw YAMLError(reason: .tooDeep(limit: limits.depth), place: place)
        }
        if case .listStart = event {
            return YAMLNode(.list(try items(depth, limits)), place)
        }
        return YAMLNode(.mapping(try entries(depth, limits)), place)
    }

    private mutating func items(_ depth: Int, _ limits: YAMLLimits) throws(YAMLError) -> [YAMLNode]
    {
        var items: [YAMLNode] = []
        while true {
            let (event, place) = try next()
            if case .end = event { return items }
            items.append(try node(event, place, depth: depth + 1, limits))
        }
    }

    private mutating func entries(_ depth: Int, _ limits: YAMLLimits) throws(YAMLError)
        -> [YAMLEntry]
    {
        var entries: [YAMLEntry] = []
        var lines: [String: Int] = [:]
        while true {
            let (event, place) = try next()
            if case .end = event { return entries }
            guard case .scalar(let key, _) = event else {
                throw YAMLError(reason: .keyIsNoWord, place: place)
            }
            if let first = lines[key] {
                throw YAMLError(reason: .duplicateKey(key, firstLine: first), place: place)
            }
            lines[key] = place.line
            let (value, valuePlace) = try next()
            let node = try node(value, valuePlace, depth: depth + 1, limits)
            entries.append(YAMLEntry(key: key, place: place, value: node))
        }
    }

    private func next() throws(YAMLError) -> (event: Event, place: Place) {
        var raw = yaml_event_t()
        guard yaml_parser_parse(parser, &raw) == 1 else { throw failure() }
        defer { yaml_event_delete(&raw) }
        let place = Place(raw.start_mark)
        switch raw.type {
        case YAML_STREAM_START_EVENT: return (.streamStart, place)
        case YAML_DOCUMENT_START_EVENT: return (.documentStart, place)
        case YAML_DOCUMENT_END_EVENT: return (.documentEnd, place)
        case YAML_SCALAR_EVENT:
            let scalar = raw.data.scalar
            try refuse(anchor: scalar.anchor, tag: scalar.tag, place)
            let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            let isPlain = scalar.style == YAML_PLAIN_SCALAR_STYLE
            return (.scalar(String(decoding: bytes, as: UTF8.self), isPlain: isPlain), place)
        case YAML_SEQUENCE_START_EVENT:
            let list = raw.data.sequence_start
            try refuse(anchor: list.anchor, tag: list.tag, place)
            return (.listStart, place)
        case YAML_MAPPING_START_EVENT:
            let mapping = raw.data.mapping_start
            try refuse(anchor: mapping.anchor, tag: mapping.tag, place)
            return (.mappingStart, place)
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: return (.end, place)
        case YAML_ALIAS_EVENT: throw YAMLError(reason: .alias, place: place)
        default: return (.streamEnd, place)
        }
    }

    private func refuse(
        anchor: UnsafeMutablePointer<UInt8>?, tag: UnsafeMutablePointer<UInt8>?, _ place: Place
    ) throws(YAMLError) {
        if anchor != nil { throw YAMLError(reason: .anchor, place: place) }
        if tag != nil { throw YAMLError(reason: .tag, place: place) }
    }

    private func failure() -> YAMLError {
        let state = parser.pointee
        guard state.error != YAML_READER_ERROR else {
            let place = place(of: state.problem_offset, in: Array(text))
            return YAMLError(reason: .notUTF8, place: place)
        }
        let problem = state.problem.map { String(cString: $0) } ?? "out of memory"
        return YAMLError(reason: .syntax(problem), place: Place(state.problem_mark))
    }
}

extension Place {
    fileprivate init(_ mark: yaml_mark_t) {
        self.init(line: Int(clamping: mark.line) &+ 1, column: Int(clamping: mark.column) &+ 1)
    }
}
