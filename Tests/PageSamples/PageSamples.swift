import Foundation
import Outputs

/// Writes the page of each scene into the folder named on the command line, for Tests/page.py, and
/// says what each costs.
@main struct PageSamples {
    static func main() throws {
        guard let folder = CommandLine.arguments.dropFirst().first else {
            FileHandle.standardError.write(Data("usage: page-samples FOLDER\n".utf8))
            exit(2)
        }
        for scene in try Scene.all() {
            let page = scene.page
            let path = "\(folder)/\(scene.name).html"
            try Data(page.utf8).write(to: URL(fileURLWithPath: path))
            let cost = scene.milliseconds.formatted(.number.precision(.fractionLength(2)))
            print("\(path)  \(page.utf8.count) bytes  \(cost) ms of CPU time")
        }
    }
}
