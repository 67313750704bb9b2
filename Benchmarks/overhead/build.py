"""Compiles the loads and the peers of our own."""
import os
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PEERS = ("pertask", "rqhash")


def bpf_clang():
    """A clang that compiles for BPF: the Swift toolchain's does, as for Stoker's own probes."""
    swift = shutil.which("swift")
    beside_swift = pathlib.Path(swift).resolve().parent / "clang" if swift else None
    for clang in (os.environ.get("BPF_CLANG"), beside_swift, shutil.which("clang")):
        if not clang or not os.access(clang, os.X_OK):
            continue
        said = subprocess.run([clang, "--print-targets"], capture_output=True, text=True)
        if " bpf " in said.stdout:
            return clang
    return None


def compile_all(built):
    """Everything but peers for which there is no compiler."""
    built.mkdir(parents=True, exist_ok=True)
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("clang")
    for name, source, libraries in (("loads", "loads.c", ["-pthread"]),
                                    ("empty", "empty.c", ["-lbpf"]),
                                    ("peer", "peers/peer.c", ["-lbpf"])):
        subprocess.run([compiler, "-O2", "-Wall", "-o", built / name, HERE / source, *libraries],
                       check=True)
    clang = bpf_clang()
    for name in PEERS:
        output = built / f"{name}.bpf.o"
        output.unlink(missing_ok=True)
        if clang:  # the flags of bpf/plugin/embed.sh
            subprocess.run([clang, "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Werror",
                            f"-I{ROOT}/bpf/include", f"-I{ROOT}/bpf/records", "-c",
                            HERE / "peers" / f"{name}.bpf.c", "-o", output], check=True)
