import Rules
import Testing

@Suite struct CatalogueTests {
    @Test func idsAreKebabCaseAndUsedOnce() {
        let ids = catalogue.map(\.id)
        #expect(Set(ids).count == ids.count)
        for id in ids {
            let words = id.split(separator: "-", omittingEmptySubsequences: false)
            #expect(words.allSatisfy { !$0.isEmpty }, "\(id)")
            #expect(
                id.utf8.allSatisfy { "abcdefghijklmnopqrstuvwxyz0123456789-".utf8.contains($0) })
        }
    }

    @Test func everyRuleIsTaught() {
        for rule in catalogue {
            let text = rule.explanation
            let parts = [text.what, text.why, text.seen, text.fix, text.avoid, text.verify]
            #expect(parts.allSatisfy { $0.count > 10 }, "\(rule.id)")
            #expect(!text.sources.isEmpty && text.sources.allSatisfy { $0.count > 5 }, "\(rule.id)")
        }
    }

    @Test func titlesAreSentencesWithoutAStop() {
        for rule in catalogue {
            #expect(rule.title.first?.isUppercase == true && rule.title.last != ".", "\(rule.id)")
        }
    }

    @Test func everyCauseThatIsPromisedHasARule() {
        let promised: Set<Cause> = [
            .cpuContention, .cpuOversubscription, .cpuThrottling, .threadMigration, .irqLoad,
            .softirqLoad, .memoryReclaim, .compactionStall, .thpFallback, .majorFaults, .swap,
            .tlbShootdown, .storageStall, .lockContention, .limits, .powerState, .configuration,
            .numaRemoteMemory, .numaBalancing, .placement, .gpuThrottling, .gpuError,
            .pcieDegraded, .fabricCongestion, .fabricError,
        ]
        #expect(promised.subtracting(catalogue.map(\.cause)) == [])
    }
}
