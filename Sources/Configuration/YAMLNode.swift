/// A value of a YAML document, and where it stands.
package struct YAMLNode: Equatable, Sendable {
    package enum Content: Equatable, Sendable {
        /// `isPlain`: written without quotes.
        case scalar(String, isPlain: Bool)
        case list([YAMLNode])
        case mapping([YAMLEntry])
    }

    package var content: Content
    package var place: Place

    package init(_ content: Content, _ place: Place) {
        self.content = content
        self.place = place
    }

    /// Left empty, `~` or `null`.
    package var isNull: Bool {
        guard case .scalar(let text, isPlain: true) = content else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }

    package var scalar: String? {
        guard case .scalar(let text, _) = content, !isNull else { return nil }
        return text
    }

    /// What it is in words, for a message.
    package var kind: String {
        switch content {
        case .scalar(let text, _): isNull ? "nothing" : "\"\(text)\""
        case .list: "a list"
        case .mapping: "a mapping"
        }
    }
}

/// A key and its value.
package struct YAMLEntry: Equatable, Sendable {
    package var key: String
    package var place: Place
    package var value: YAMLNode
}

/// A position in a file, counted from 1.
package struct Place: Equatable, Sendable {
    package var line: Int
    package var column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }
}

/// Why a file is no document that we read.
package struct YAMLError: Error, Equatable {
    package enum Reason: Equatable, Sendable {
        /// In libyaml's words.
        case syntax(String)
        case notUTF8
        case tooLarge(limit: Int)
        case tooDeep(limit: Int)
        case tooMany(limit: Int)
        case anchor
        case alias
        case tag
        case severalDocuments
        case keyIsNoWord
        case duplicateKey(String, firstLine: Int)
    }

    package var reason: Reason
    /// `nil` for a file that was not even looked into.
    package var place: Place?

    package var text: String {
        switch reason {
        case .syntax(let problem): "no valid YAML: \(problem)"
        case .notUTF8: "no valid UTF-8, or a character that YAML does not allow"
        case .tooLarge(let limit): "larger than \(limit) bytes"
        case .tooDeep(let limit): "nested deeper than \(limit) levels"
        case .tooMany(let limit): "more than \(limit) values"
        case .anchor: "anchors (&name) are not allowed"
        case .alias: "aliases (*name) are not allowed; quote a value that begins with *"
        case .tag: "tags (!name) are not allowed"
        case .severalDocuments: "a second document begins here; there may be only one"
        case .keyIsNoWord: "a key must be a word"
        case .duplicateKey(let key, let line): "\"\(key)\" is given again; first on line \(line)"
        }
    }
}
