/// A setting that differs between two configurations.
package struct SettingChange: Equatable, Sendable {
    package var key: String
    package var from: SettingValue
    package var to: SettingValue
    /// A running daemon cannot take the new value.
    package var needsRestart: Bool
}

/// What differs, in the order of `settingKeys`.
package func changes(from earlier: DaemonSettings, to later: DaemonSettings) -> [SettingChange] {
    settingKeys.compactMap { key in
        let (from, to) = (key.value(earlier), key.value(later))
        guard from != to else { return nil }
        return SettingChange(key: key.name, from: from, to: to, needsRestart: key.needsRestart)
    }
}
