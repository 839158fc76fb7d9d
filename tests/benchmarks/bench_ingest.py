"""The cost of ingest beside a bare loop of FastWARC and resiliparse over the same files, and one large file beside four.

usage: bench_ingest.py all|marginal|one_file BARE_LOOP.py WORK_FOLDER FILE.warc.gz ...
The work folder holds the copies, some 13 times the files.

Marginal: 4 times the files (copies with fresh record ids, URLs and text) minus once, divided by 3, so that starting and
compiling do not count; its ratio is to half the bare loop's time, as two cores would share it. The bare loop runs before
and after, so that both see the same machine; on one that others share a round may still be a third off, hence the median.
"""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
ENGINES = ("resiliparse", "blocks")
COPIES = 4
ROUNDS = 3
CONFIG = """
output: {output}
sources: {{crawl: {{format: warc, paths: {paths}, role: raw}}}}
extract: {{engine: {engine}}}
quality: none
mixture: {{token_budget: 1000}}
"""


def members(path: Path) -> list[bytes]:
    """The inflated members of a file that is compressed by record."""
    import zlib

    data, found = path.read_bytes(), []
    while data:
        decoder = zlib.decompressobj(31)
        found.append(decoder.decompress(data))
        data = decoder.unused_data
    return found


def copied(record: bytes, k: int) -> bytes:
    """The record under another id and URL, with a paragraph of its own where its body is neither coded nor chunked."""
    head, _, block = record.partition(b"\r\n\r\n")
    block = block.removesuffix(b"\r\n\r\n")
    fields, _, body = block.partition(b"\r\n\r\n")
    if body and not re.search(rb"(?i)\n(content|transfer)-encoding:", fields):
        body = re.sub(rb"(?i)(<body[^>]*>)", rb"\1<p>This is copy %d of the page.</p>" % k, body, count=1)
        block = fields + b"\r\n\r\n" + body
    head = re.sub(rb"(<urn:uuid:)(.)", lambda m: m[1] + b"%x" % ((int(m[2], 16) + k) % 16), head, count=1)
    head = re.sub(rb"(WARC-Target-URI: [^\r]*)", rb"\1?copy=%d" % k, head)
    head = re.sub(rb"(?i)(\r\nContent-Length: )\d+", rb"\g<1>%d" % len(block), head)
    return head + b"\r\n\r\n" + block + b"\r\n\r\n"


def make_copies(files: list[Path], folder: Path) -> list[Path]:
    """Three changed copies of each file, beside the files themselves."""
    made = []
    for k in range(1, COPIES):
        for path in files:
            copy = folder / f"copy{k}-{path.name}"
            made.append(copy)
            if not copy.exists():
                with copy.open("wb") as out:
                    for record in members(path):
                        out.write(gzip.compress(copied(record, k), 1))
    return made


def join(files: list[Path], joined: Path) -> Path:
    with joined.open("wb") as out:
        for path in files:
            out.write(path.read_bytes())
    return joined


def ingest(paths: list[Path], engine: str, folder: Path) -> float:
    """The seconds of the stage, as the manifest says."""
    config = folder / "config.yaml"
    output = folder / "out"
    config.write_text(CONFIG.format(output=output, paths=json.dumps(list(map(str, paths))), engine=engine))
    command = [sys.executable, "-m", "pipeline", "run", str(config), "--until", "ingest", "--fresh", "--master", "local[2]"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return float(json.loads((output / "manifest.json").read_text())["stages"]["ingest"]["seconds"])


def bare(bare_loop: str, files: list[Path]) -> float:
    """The seconds of the bare loop on one core."""
    done = subprocess.run([sys.executable, bare_loop, *map(str, files)], check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout)["seconds"])


def marginal(bare_loop: str, files: list[Path], all_files: list[Path], folder: Path) -> None:
    ratios: dict[str, list[float]] = {engine: [] for engine in ENGINES}
    for _ in range(ROUNDS):
        before = bare(bare_loop, files)
        for engine in ENGINES:
            once, often = ingest(files, engine, folder), ingest(all_files, engine, folder)
            after = bare(bare_loop, files)
            more, half = (often - once) / (COPIES - 1), (before + after) / 4
            ratios[engine].append(more / half)
            print(f"{engine}: once {once:.1f} s, {COPIES} times {often:.1f} s, marginal {more:.2f} s; bare loop before "
                  f"{before:.2f} s, after {after:.2f} s; {more / half:.2f} x half of it", flush=True)  # fmt: skip
            before = after
    for engine, found in ratios.items():
        print(f"{engine}: median {median(found):.2f} x half of the bare loop, {min(found):.2f} to {max(found):.2f}")


def one_file(all_files: list[Path], folder: Path) -> None:
    quarters = [join(all_files[k::4], folder / f"quarter{k}.warc.gz") for k in range(4)]
    whole = join(quarters, folder / "whole.warc.gz")
    size, ratios = whole.stat().st_size / 1e6, []
    for _ in range(ROUNDS):
        one, four = ingest([whole], "resiliparse", folder), ingest(quarters, "resiliparse", folder)
        ratios.append(one / four)
        print(f"one file of {size:.0f} MB {one:.1f} s, as four files {four:.1f} s: {one / four:.2f}", flush=True)
    print(f"one file: median {median(ratios):.2f} x four files, {min(ratios):.2f} to {max(ratios):.2f}")


def main(part: str, bare_loop: str, work: str, *names: str) -> None:
    folder, files = Path(work), [Path(name).resolve() for name in names]
    folder.mkdir(parents=True, exist_ok=True)
    all_files = files + make_copies(files, folder)
    subprocess.run([sys.executable, "-m", "pipeline.warm"], cwd=ROOT, check=True)
    if part in ("all", "marginal"):
        marginal(bare_loop, files, all_files, folder)
    if part in ("all", "one_file"):
        one_file(all_files, folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
