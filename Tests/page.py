#!/usr/bin/env python3
"""Checks the page for people: that it is well formed, that nothing on it refers to another place,
and what a browser makes of it. Arguments are addresses of pages, such as http://127.0.0.1:9752/, or
files; without any, `page-samples` writes some. Chromium is used where it is installed."""

import html.parser
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
SAMPLES = ROOT / ".build/debug/page-samples"
BROWSER = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])),
               None)
MOST_BYTES = 300_000
VOID = {"meta"}
# What could fetch something, run something or lead elsewhere; `href` of SVG among them.
FORBIDDEN = {"a", "script", "link", "img", "image", "iframe", "object", "embed", "form", "base",
             "use", "audio", "video", "source", "input", "button", "foreignobject", "animate"}
ATTRIBUTES = {"class", "lang", "charset", "name", "content", "http-equiv", "scope",
              "role", "aria-label", "aria-hidden", "tabindex", "viewbox", "preserveaspectratio",
              "width", "height", "x", "y", "d"}
# As the server sends it with the page.
POLICY = ("default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
          "form-action 'none'; frame-ancestors 'none'")
VERDICTS = ("HOST-BOUND", "NOT-HOST", "HEALTHY", "UNKNOWN", "STARTING")


class Wrong(Exception):
    """What is not as it should be."""


def expect(holds, what):
    if not holds:
        raise Wrong(what)


class Strict(html.parser.HTMLParser):
    """Refuses what a browser would mend in silence; keeps the texts by element."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.texts = [], [], []

    def handle_starttag(self, tag, attributes):
        expect(tag not in FORBIDDEN, f"<{tag}> is on the page")
        names = [name for name, _ in attributes]
        expect(len(set(names)) == len(names), f"<{tag}> says an attribute twice")
        expect(set(names) <= ATTRIBUTES, f"<{tag}> has attributes {set(names) - ATTRIBUTES}")
        for name, value in attributes:
            expect(value is not None, f"{name} of <{tag}> has no value")
            expect(name == "content" or "://" not in value, f"{name} of <{tag}> refers to {value}")
        if dict(attributes).get("http-equiv") == "refresh":
            expect(dict(attributes)["content"].isdecimal(), "the refresh leads elsewhere")
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        raise Wrong(f"<{tag}/> closes itself")

    def handle_endtag(self, tag):
        expect(self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}")
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            lower = data.lower()
            expect("url(" not in lower and "@import" not in lower, "the style sheet fetches")
        elif data.strip():
            expect(self.open, "text stands outside of all elements")
            self.texts.append((self.open[-1], data))

    def handle_comment(self, data):
        raise Wrong("a comment is on the page")

    def handle_pi(self, data):
        raise Wrong("an instruction is on the page")

    def handle_decl(self, declaration):
        expect(declaration == "DOCTYPE html", f"declares {declaration}")


def parsed(page):
    parser = Strict()
    parser.feed(page)
    parser.close()
    expect(not parser.open, f"never closed: {parser.open}")
    for tag in ("html", "head", "title", "style", "body", "main", "h1"):
        expect(parser.tags.count(tag) == (1 if tag != "title" else parser.tags.count("svg") + 1
                                          + parser.tags.count("g")), f"count of <{tag}>")
    return parser


def check(name, raw):
    """The page by itself, without a browser."""
    expect(len(raw) <= MOST_BYTES, f"{len(raw)} bytes")
    page = raw.decode()
    expect(page.startswith("<!DOCTYPE html>\n"), "no document type")
    bad = re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u061c\u2028-\u202e\u2066-\u2069]", page)
    expect(not bad, f"holds {bad and bad[0]!r}")
    parser = parsed(page)
    verdicts = [text for tag, text in parser.texts if tag == "strong" and text in VERDICTS]
    expect(len(verdicts) == 1, f"verdicts {verdicts}")
    print(f"{name}: {len(raw)} bytes, {len(parser.tags)} elements, {verdicts[0]}")
    return parser


# Written into a copy of the page, the only script that ever is: it counts what can be seen.
PROBE = """<script>
addEventListener("load", () => {
  const seen = (e) => { const b = e.getBoundingClientRect();
    return b.width > 0 && b.height > 0 && getComputedStyle(e).visibility === "visible"; };
  const all = [...document.body.querySelectorAll("*")];
  const facts = {
    verdict: [...document.querySelectorAll(".verdict .word")].filter(seen)
      .map((e) => e.textContent),
    commands: [...document.querySelectorAll("pre code")].filter(seen).map((e) => e.textContent),
    elements: all.length, scripts: document.scripts.length, title: document.title,
    wider: document.documentElement.scrollWidth - innerWidth,
    flat: [...document.querySelectorAll("svg")].filter((e) => !seen(e)).length,
    hostile: document.querySelectorAll("#hostile, img, iframe, a").length,
  };
  const out = document.createElement("meta");
  out.name = "facts"; out.content = encodeURIComponent(JSON.stringify(facts));
  document.head.append(out);
});
</script></head>"""


def browse(path, *options):
    """What Chromium says of a file: its document and its console."""
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--enable-logging=stderr", "--v=0", f"--user-data-dir={profile}", *options,
             "--dump-dom", path.as_uri()],
            capture_output=True, text=True, timeout=60, errors="replace")
    expect(done.returncode == 0, f"{BROWSER} ends with {done.returncode}")
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return done.stdout, console


def look(name, raw, parser, folder):
    """The page in a browser: as it is sent, then with a script that looks at it."""
    page = raw.decode()
    # A file has no headers, and this one cannot be said in an element.
    policy = POLICY.replace("; frame-ancestors 'none'", "")
    guarded = folder / "guarded.html"
    guarded.write_text(page.replace(
        '<meta charset="utf-8">',
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">', 1))
    document, console = browse(guarded)
    expect(not console, f"the console says {console[:3]}")
    expect("</main>" in document, "the document is not whole")
    probed = folder / "probed.html"
    probed.write_text(page.replace("</head>", PROBE, 1))
    # As narrow as Chromium's own window gets: what fits there fits anywhere.
    document, console = browse(probed, "--window-size=500,900")
    expect(not console, f"the console says {console[:3]}")
    found = re.search('name="facts" content="([^"]*)"', document)
    expect(found, "the page was not looked at")
    facts = json.loads(urllib.request.unquote(found[1]))
    expect(len(facts["verdict"]) == 1 and facts["verdict"][0] in VERDICTS, str(facts))
    commands = [text for tag, text in parser.texts if tag == "code"]
    expect(facts["commands"] == commands, f"{len(facts['commands'])} commands can be seen")
    expect(facts["hostile"] == 0 and facts["scripts"] == 1, "a name became an element")
    expect(facts["title"].endswith("Stoker"), f"the title is {facts['title']!r}")
    expect(facts["wider"] <= 0, f"{facts['wider']} pixels wider than the window")
    expect(facts["flat"] == 0, f"{facts['flat']} charts cannot be seen")
    print(f"{name}: {len(facts['commands'])} commands seen in {pathlib.Path(BROWSER).name}")


def fetch(target):
    if "://" in target:
        with urllib.request.urlopen(target, timeout=10) as reply:
            kind = reply.headers.get_content_type()
            expect(kind == "text/html", f"{target} is {kind}")
            expect("default-src 'none'" in reply.headers.get("Content-Security-Policy", ""),
                   "no policy comes with the page")
            return reply.read()
    return pathlib.Path(target).read_bytes()


def samples(folder):
    """Pages of described hosts, and what has to be on them."""
    subprocess.run([SAMPLES, folder], check=True, stdout=subprocess.DEVNULL, timeout=300)
    paths = sorted(pathlib.Path(folder).glob("*.html"))
    expect(len(paths) >= 6, f"only {len(paths)} samples")
    return {path.stem: path.read_bytes() for path in paths}


def expect_samples(parsers):
    def texts(name, tag):
        return [text for kind, text in parsers[name].texts if kind == tag]

    expect("STARTING" in texts("starting", "strong"), "before the first look")
    expect("HEALTHY" in texts("quiet", "strong"), "a quiet host")
    expect("HOST-BOUND" in texts("training", "strong"), "a host in trouble")
    expect(any("AllowedCPUs" in command for command in texts("training", "code")),
           "the command against a stranger")
    expect(any("<script id=hostile>" in text for text in texts("hostile", "h1")),
           "a hostile name is shown as it is")


def main(targets):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        pages = {target: fetch(target) for target in targets} or samples(name)
        parsers = {}
        for name, raw in pages.items():
            try:
                parsers[name] = check(name, raw)
                if BROWSER:
                    look(name, raw, parsers[name], folder)
            except Wrong as wrong:
                raise Wrong(f"{name}: {wrong}") from None
        if not targets:
            expect_samples(parsers)
    if not BROWSER:
        print("skipped: no chromium to look at the page with", file=sys.stderr)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Wrong as wrong:
        sys.exit(f"page: {wrong}")
