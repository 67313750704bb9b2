import ArgumentParser
import Glibc
import Outputs
import Rules

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Lists the rules, or teaches one of them in a page.")

    @Argument(help: "A rule's name; all rules when it is missing.")
    var rule: String?

    @Flag(help: "Print the reference of all rules as Markdown.")
    var markdown = false

    func run() throws {
        if markdown {
            print(rulesReference(catalogue), terminator: "")
        } else if let rule {
            guard let found = catalogue.first(where: { $0.id == rule }) else {
                Terminal.complain("there is no rule \(rule): see stoker explain")
                throw Exit.failure
            }
            print(explain(found, width: Terminal.style(toFile: false).width), terminator: "")
        } else {
            print(explain(catalogue), terminator: "")
        }
    }
}
