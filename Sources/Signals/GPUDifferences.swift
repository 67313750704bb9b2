import Host

extension GPUReading {
    /// What happened since `earlier`; gauges are as they are now.
    func since(_ earlier: GPUReading) -> GPUReading {
        var change = self
        // What the worker sums up starts at 0 with each worker.
        let own = epoch == earlier.epoch ? earlier : GPUReading(pci: pci)
        let isNew = epoch != earlier.epoch
        change.activity = activity.since(own.activity)
        change.limits = limits.since(earlier.limits, isNew: isNew)
        change.link = link.since(earlier.link, isNew: isNew)
        change.health = health.since(earlier.health)
        change.energyMillijoules = growth(energyMillijoules, earlier.energyMillijoules)
        change.calls = growth(calls, own.calls)
        change.callNanoseconds = growth(callNanoseconds, own.callNanoseconds)
        let seen = Set(earlier.xids)
        change.xids = xids.filter { !seen.contains($0) }
        return change
    }

    /// A GPU that was not there before: nothing is known of what it did in the window.
    var sinceItself: GPUReading {
        var before = self
        before.xids = []
        return since(before)
    }
}

extension GPUActivity {
    fileprivate func since(_ earlier: GPUActivity) -> GPUActivity {
        var change = self
        let parts: [WritableKeyPath<GPUActivity, UInt64?>] = [
            \.active, \.observed, \.smActive, \.tensorActive, \.counted,
        ]
        for part in parts {
            // Sums of the worker's own: they begin with nothing, and nothing is told as `nil`.
            change[keyPath: part] = growth(self[keyPath: part], earlier[keyPath: part] ?? 0)
        }
        return change
    }
}

extension GPULimits {
    fileprivate func since(_ earlier: GPULimits, isNew: Bool) -> GPULimits {
        var change = self
        let own = isNew ? GPULimits() : earlier
        // A policy that the driver did not tell of before has no difference.
        change.throttled = throttled.reduce(into: [:]) { result, entry in
            result[entry.key] = growth(entry.value, earlier.throttled[entry.key])
        }
        for (limit, time) in held { change.held[limit] = growth(time, own.held[limit] ?? 0) }
        change.watched = growth(watched, own.watched)
        change.slowdowns = growth(slowdowns, own.slowdowns)
        return change
    }
}

extension GPULink {
    fileprivate func since(_ earlier: GPULink, isNew: Bool) -> GPULink {
        var change = self
        let counters: [WritableKeyPath<GPULink, UInt64?>] = [
            \.replays, \.nvlinkSentBytes, \.nvlinkReceivedBytes, \.nvlinkReplays,
            \.nvlinkRecoveries, \.nvlinkCRCErrors,
        ]
        for counter in counters {
            change[keyPath: counter] = growth(self[keyPath: counter], earlier[keyPath: counter])
        }
        // Unwrapped by the worker.
        for counter in [\GPULink.sentBytes, \.receivedBytes] {
            change[keyPath: counter] = growth(
                self[keyPath: counter], isNew ? 0 : earlier[keyPath: counter])
        }
        return change
    }
}

extension GPUHealth {
    /// Errors are counted within the window; rows and pages that are out of use stay as they are.
    fileprivate func since(_ earlier: GPUHealth) -> GPUHealth {
        var change = self
        change.newCorrected = growth(corrected, earlier.corrected)
        change.newUncorrected = growth(uncorrected, earlier.uncorrected)
        return change
    }
}

/// `nil` where one of both was not told.
private func growth(_ later: UInt64?, _ earlier: UInt64?) -> UInt64? {
    guard let later, let earlier else { return nil }
    return growth(later, earlier)
}
