import Glibc

/// Whether a pattern as the shell has them (`*`, `?`, `[a-z]`) fits the whole text.
package func shellPattern(_ pattern: String, matches text: String) -> Bool {
    fnmatch(pattern, text, 0) == 0
}
