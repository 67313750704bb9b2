import Foundation
import PackagePlugin

/// Compiles every `bpf/*.bpf.c` and embeds the objects in the target that uses this plugin.
@main
struct CompileBPF: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let root = context.package.directoryURL
        let bpf = root.appending(path: "bpf")
        let folders = ["include", "records"].map { bpf.appending(path: $0) }
        let headers = try folders.flatMap(files)
        let clang = try context.tool(named: "clang").url
        let objcopy = try context.tool(named: "llvm-objcopy").url
        return try files(in: bpf).filter { $0.path.hasSuffix(".bpf.c") }.map { source in
            let name = source.lastPathComponent.replacingOccurrences(of: ".bpf.c", with: "")
            let output = context.pluginWorkDirectoryURL.appending(path: name + "Image.swift")
            return .buildCommand(
                displayName: "Compiling \(source.lastPathComponent)",
                executable: bpf.appending(path: "plugin/embed.sh"),
                arguments: [
                    clang.path, objcopy.path, root.path, source.path, output.path, name,
                ] + folders.map { "-I" + $0.path },
                inputFiles: [source, bpf.appending(path: "plugin/embed.sh")] + headers,
                outputFiles: [output])
        }
    }

    private func files(in folder: URL) throws -> [URL] {
        try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    }
}
