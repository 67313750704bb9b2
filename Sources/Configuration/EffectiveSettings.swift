package import Host

/// DaemonSettings that hold, and where each came from.
package struct EffectiveSettings: Equatable, Sendable {
    package var settings = DaemonSettings()
    /// By the key's name; `Origin.standard` for those that are not in it.
    package var origins: [String: Origin] = [:]
    /// What works and should be looked at.
    package var warnings: [Problem] = []

    package init() {}

    package func origin(of key: SettingKey) -> Origin { origins[key.name] ?? .standard }
}

/// Where a configuration is looked for when none is named.
package enum StandardPlace {
    package static let file = "/etc/stoker/config.yaml"
    package static let folder = "/etc/stoker/conf.d"
}

extension EffectiveSettings {
    /// Flags before environment before file before default. `file`: read this one and no other;
    /// else the standard ones that are there. `flags`: words by the key's name.
    package static func read(
        from host: Host, file: String? = nil, environment: [String: String],
        flags: [String: [String]] = [:]
    ) throws(ConfigurationError) -> EffectiveSettings {
        var reading = SettingsReading(host: host)
        if let file {
            reading.readFile(file)
        } else {
            reading.readStandardFiles()
        }
        reading.read(environment: environment)
        reading.read(flags: flags)
        reading.compare()
        guard reading.problems.isEmpty else {
            throw ConfigurationError(problems: reading.problems)
        }
        return reading.result
    }
}

/// DaemonSettings while they are put together, with all that is wrong on the way.
private struct SettingsReading {
    let host: Host
    var result = EffectiveSettings()
    var problems: [Problem] = []

    mutating func readStandardFiles() {
        if host.exists(StandardPlace.file) { readFile(StandardPlace.file) }
        for name in host.names(in: StandardPlace.folder) where !name.hasPrefix(".") {
            let path = StandardPlace.folder + "/" + name
            if name.hasSuffix(".yaml") {
                readFile(path)
            } else {
                let advice = "is not read: its name does not end in .yaml"
                result.warnings.append(Problem(path, .advice(advice)))
            }
        }
    }

    mutating func readFile(_ path: String) {
        do throws(Problem) {
            guard let root = try document(path, on: host) else { return }
            take(root, section: "", path)
        } catch { problems.append(error) }
    }

    /// The keys of one section; an empty section is one.
    private mutating func take(_ node: YAMLNode, section: String, _ path: String) {
        if node.isNull { return }
        guard case .mapping(let entries) = node.content else {
            let key = section.isEmpty ? "the file" : String(section.dropLast())
            let fault = Problem.Fault.wrongValue(
                key: key, found: node.kind, expected: "a mapping of keys to values")
            return problems.append(Problem(path, at: node.place, fault))
        }
        for entry in entries {
            let name = section + entry.key
            if let key = settingKeys.first(where: { $0.name == name }) {
                take(entry, key, path)
            } else if settingKeys.contains(where: { $0.name.hasPrefix(name + ".") }) {
                take(entry.value, section: name + ".", path)
            } else {
                let fault = Problem.Fault.unknownKey(name, nearest: nearestKey(name))
                problems.append(Problem(path, at: entry.place, fault))
            }
        }
    }

    private mutating func take(_ entry: YAMLEntry, _ key: SettingKey, _ path: String) {
        let origin = Origin.file(path, line: entry.place.line)
        if case .file(path, let line)? = result.origins[key.name] {
            let error = YAMLError(
                reason: .duplicateKey(key.name, firstLine: line), place: entry.place)
            return problems.append(Problem(path, yaml: error))
        }
        guard let words = words(of: entry.value, for: key) else {
            return refuse(key, found: entry.value.kind, path, entry.value.place)
        }
        set(key, words, origin, path, entry.value.place)
    }

    /// `nil`: a list where a word is wanted, or the other way round.
    private func words(of node: YAMLNode, for key: SettingKey) -> [String]? {
        switch node.content {
        case .scalar where node.isNull: key.takesNothing ? [] : nil
        case .scalar(let text, _) where !key.takesList: [text]
        case .list(let items) where key.takesList:
            items.allSatisfy { $0.scalar != nil } ? items.compactMap(\.scalar) : nil
        default: nil
        }
    }

    mutating func read(environment: [String: String]) {
        for key in settingKeys {
            guard let text = environment[key.variable], !text.isEmpty else { continue }
            set(key, words(of: text, for: key), .environment(key.variable), key.variable, nil)
        }
        let names = settingKeys.map(\.variable)
        for name in environment.keys.sorted() where name.hasPrefix("STOKER_") {
            // Others may begin so: Kubernetes names the ports of a service like that.
            guard !names.contains(name), let meant = names.first(where: { isSlip(name, of: $0) })
            else { continue }
            let advice = "is not a setting; did you mean \(meant)?"
            result.warnings.append(Problem(name, .advice(advice)))
        }
    }

    mutating func read(flags: [String: [String]]) {
        for (name, words) in flags.sorted(by: { $0.key < $1.key }) {
            guard let key = settingKeys.first(where: { $0.name == name }) else {
                let fault = Problem.Fault.unknownKey(name, nearest: nearestKey(name))
                problems.append(Problem("command line", fault))
                continue
            }
            let separate = words.flatMap { self.words(of: $0, for: key) }
            set(key, separate, .flag("--set \(name)"), "command line", nil)
        }
    }

    /// Lists are separated by commas outside files.
    private func words(of text: String, for key: SettingKey) -> [String] {
        guard key.takesList else { return [text] }
        return text.split(separator: ",").map { String($0.trimmed) }
    }

    private mutating func set(
        _ key: SettingKey, _ words: [String], _ origin: Origin, _ path: String, _ place: Place?
    ) {
        guard key.set(&result.settings, words) else {
            let found = words.map { "\"\($0)\"" }.joined(separator: ", ")
            return refuse(key, found: found.isEmpty ? "nothing" : found, path, place)
        }
        result.origins[key.name] = origin
    }

    private mutating func refuse(
        _ key: SettingKey, found: String, _ path: String, _ place: Place?
    ) {
        let list = key.takesList ? "a list of " : ""
        let shown = found.count > 80 ? found.prefix(80) + "…" : found[...]
        let fault = Problem.Fault.wrongValue(
            key: key.name, found: String(shown), expected: list + key.expected)
        problems.append(Problem(path, at: place, fault))
    }

    /// Values that are right by themselves and wrong together.
    mutating func compare() {
        let settings = result.settings
        if settings.window < settings.tick {
            problems.append(
                Problem(
                    nil,
                    .contradiction(
                        "window (\(spanText(settings.window))) is shorter than tick "
                            + "(\(spanText(settings.tick)))")))
        }
    }
}

private func nearestKey(_ name: String) -> String? {
    nearest(to: name, among: settingKeys.map(\.name))
}

/// Two letters apart at most.
private func isSlip(_ name: String, of variable: String) -> Bool {
    distance(Array(name.utf8.prefix(64)), Array(variable.utf8)) <= 2
}

/// A file's document; `nil` when there is nothing in it but comments.
func document(_ path: String, on host: Host) throws(Problem) -> YAMLNode? {
    let limits = YAMLLimits()
    let bytes: [UInt8]
    do throws(FileError) { bytes = try host.bytes(path, limit: limits.bytes + 1) } catch {
        throw Problem(path, .unreadable(error.reason))
    }
    do throws(YAMLError) { return try yaml(bytes, limits: limits) } catch {
        throw Problem(path, yaml: error)
    }
}
