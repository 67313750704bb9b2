/// `docs/configuration.md`, made from the list of settings.
package func configurationReference() -> String {
    var text = """
        # Configuration

        Generated from the list of settings; do not edit. The daemon runs without any file. What is set comes
        from, in this order: flags, the environment, `\(StandardPlace.file)` with
        `\(StandardPlace.folder)/*.yaml` in the order of their names, the default. `--config FILE` reads that file
        and no other. A list replaces the whole list of an earlier file.

        `stoker config check [FILE]` tells everything that is wrong, with its line; `stoker config show` tells
        each value that holds and where it came from. `systemctl reload stoker` takes a changed file, or keeps
        everything as it was when something is wrong in it. DaemonSettings marked *restart* wait for a restart.

        Files are YAML: UTF-8, at most 1 MiB, one document, no anchors, aliases or tags. A key that is not in
        the table is an error. Times are `500ms`, `30s`, `10m`, `2h`; sizes `512MB` or `64MiB`; shares `0.5%` or
        `0.005`. On the command line a setting is `--set KEY=VALUE`; there and in the environment lists are
        separated by commas.

        | Key | Default | Expected | Meaning |
        |---|---|---|---|

        """
    let standard = DaemonSettings()
    for key in settingKeys {
        let restart = key.needsRestart ? " *restart*" : ""
        let list = key.takesList ? "a list of " : ""
        text += "| `\(key.name)` | `\(key.value(standard).yaml)` | \(list)\(key.expected)"
        text += " | \(key.help)\(restart) |\n"
    }
    text += """

        In the environment `history.size` is `STOKER_HISTORY_SIZE`, and so for every key.

        ## Web configuration

        `web-config` names a file in the format of Prometheus' exporter-toolkit:

        ```yaml
        basic_auth_users:
          prometheus: $2y$10$…           # bcrypt, as `htpasswd -nBC 10 prometheus` prints it
        http_server_config:
          headers:
            X-Frame-Options: deny
        rate_limit:
          interval: 100ms                # between two requests
          burst: 20
        ```

        `tls_server_config` is refused: TLS is not built in yet. Headers that can be set are
        \(WebConfiguration.headerNames.map { "`\($0)`" }.joined(separator: ", ")).

        """
    return text
}

/// A file with every setting, at its default and commented out.
package func exampleConfiguration() -> String {
    var text = """
        # The configuration of stoker daemon, with every setting at its default.
        # Remove the # before a line, and before the line of its section, to change it. Then:
        #   stoker config check \(StandardPlace.file) && systemctl reload stoker

        """
    let standard = DaemonSettings()
    var section = ""
    for key in settingKeys {
        let parts = key.name.split(separator: ".", maxSplits: 1).map(String.init)
        let indent = parts.count > 1 ? "  " : ""
        text += "\n"
        if parts.count > 1, parts[0] != section { text += "#\(parts[0]):\n" }
        section = parts.count > 1 ? parts[0] : ""
        let restart = key.needsRestart ? " Changes wait for a restart." : ""
        text += "# \(indent)\(key.help)\(restart)\n"
        text += "#\(indent)\(parts[parts.count - 1]): \(key.value(standard).yaml)\n"
    }
    return text
}
