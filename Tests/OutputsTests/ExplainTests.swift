import Outputs
import Rules
import Testing

@Suite struct ExplainTests {
    @Test func theCatalogueIsATable() {
        #expect(
            explain([Samples.rule]) == """
                strangers-on-training-cpus  cpu-contention  Other programs run where the job wants to run

                """)
        #expect(explain([]) == "There are no rules.\n")
    }

    @Test func oneRuleIsAPageThatKeepsToItsWidth() {
        let page = explain(Samples.rule, width: 72)
        #expect(page.split(separator: "\n").allSatisfy { width(of: String($0)) <= 72 })
        let headings = page.split(separator: "\n").filter { !$0.hasPrefix(" ") }.dropFirst()
        #expect(
            headings.map(String.init) == [
                "cause cpu-contention, at most critical", "What it is", "Why it hurts training",
                "How it is seen", "What the fix does", "When not to apply it", "How to verify",
                "Sources",
            ])
        #expect(page.contains("\n\n  All other ranks then wait in the next collective.\n"))
    }

    @Test func whatARuleLeavesOutHasNoHeading() {
        var rule = Samples.rule
        rule.explanation.avoid = ""
        rule.explanation.sources = []
        let page = explain(rule, width: 72)
        #expect(!page.contains("When not to") && !page.contains("Sources"))
    }

    @Test func theReferenceShowsTextAsItIs() {
        var rule = Samples.rule
        rule.title = "A | B <c> *d* `e`"
        let reference = rulesReference([rule])
        #expect(reference.contains("| A \\| B \\<c\\> \\*d\\* \\`e\\` |\n"))
        #expect(reference.contains("\n## strangers-on-training-cpus\n"))
        #expect(reference.contains("sched\\_switch tells who ran while whom waited."))
        #expect(reference.hasSuffix("sched-stats.html\n"))
    }
}
