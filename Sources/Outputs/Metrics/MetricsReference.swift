/// `docs/metrics.md`, made from the list of families.
package func metricsReference() -> String {
    var text = """
        # Metrics

        Generated from the list of metric families; do not edit. `stoker metrics` prints it as a table. The daemon
        exports the text format 0.0.4 and OpenMetrics 1.0. A series is missing where nothing tells its value;
        `stoker_signal_up` says which signals could be read. Nothing is labelled by process or thread. Sums begin
        at 0 with the daemon.

        "Series" is the most that there can be; what comes beyond is left out and counted in
        `\(droppedFamily.name)`. Names of processes and devices have a label of their own up to a number
        of them, the rest is `(other)`; words in parentheses are no names.

        | Metric | Type | Labels | Series | From | Meaning |
        |---|---|---|---|---|---|

        """
    for family in metricFamilies {
        let labels = family.labels.map { "`\($0)`" }.joined(separator: " ")
        let source = family.signal.map { "`\($0)`" } ?? "Stoker"
        text += "| `\(family.name)` | \(family.kind.rawValue) | \(labels)"
        text += " | \(family.most * family.seriesEach) | \(source) | \(family.help) |\n"
    }
    return text
}

/// The same for a terminal.
package func metricsTable() -> String {
    let width = metricFamilies.map { $0.name.count }.max() ?? 0
    return metricFamilies.map { family in
        let labels = family.labels.isEmpty ? "" : "{" + family.labels.joined(separator: ",") + "}"
        return padded(family.name, width, isRight: false)
            + "  \(padded(family.kind.rawValue, 9, isRight: false))  \(labels)\n    \(family.help)\n"
    }.joined()
}

package func metricsJSON() -> String {
    JSON.array(
        metricFamilies.map { family in
            .object([
                ("name", .string(family.name)), ("type", .string(family.kind.rawValue)),
                ("unit", JSON(family.unit)), ("labels", .array(family.labels.map { .string($0) })),
                ("series", JSON(family.most * family.seriesEach)),
                ("signal", JSON(family.signal)), ("help", .string(family.help)),
            ])
        }
    ).pretty
}
