"""What a public page costs that is kept: in the portal's own memory, and in the proxy; and how soon an edit is seen.

.venv/bin/python -m benchmarks.cache            needs wrk and nginx (apt-get install wrk nginx-light)

The proxy is the shipped configuration with other ports and folders. Pairs are measured in turns, so that a noisy
machine disturbs both alike. Edits are published by this process, which is none of the server's.
"""

import re
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.measuring import Reader, conditions, free_port, load, p95, processor_seconds, running, table
from benchmarks.pages import bare_server, prepare
from benchmarks.servers import database_of, exists, servers, url_of, use
from healthlombardy.local import processes
from healthlombardy.local.configuration import REPOSITORY
from healthlombardy.local.problems import Problem, say

SIZE = 100_000
ROUNDS = 5
EDITS = 20
# What issue and specification promise; the benchmark says how much of it is used.
PROMISED_SECONDS = 5
STATIC = "/benchmark.html"


def main() -> int:
    """Measure and print."""
    try:
        with servers() as environment:
            if not exists(environment, database_of(SIZE)):
                raise Problem("Build the catalogues first: .venv/bin/python -m benchmarks.catalogue")
            measure(environment)
    except Problem as problem:
        say(str(problem))
        return 1
    return 0


def measure(environment: dict[str, str]) -> None:
    """Start the portal, a bare view and the proxy; compare."""
    use(environment, database_of(SIZE))
    prepare()
    about = conditions()
    from benchmarks.editing import Editing  # noqa: PLC0415

    with ExitStack() as stack:
        port, bare_port, proxy_port = free_port(), free_port(), free_port()
        own = environment | {"DATABASE_URL": url_of(environment, database_of(SIZE))}
        pid = stack.enter_context(running(processes.web(host="127.0.0.1", port=port), own, port=port))
        bare_pid = stack.enter_context(running(bare_server(bare_port), environment, port=bare_port))
        editing = Editing()
        path = editing.path
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-proxy-")))
        _status, body, headers = Reader(port).get(path, **{"Accept-Encoding": "gzip"})
        proxy = stack.enter_context(proxy_of(folder, port, proxy_port, body))
        print(f"\nCached, 8 connections, {about}; {path}, {len(body):,} bytes compressed\n")
        in_application = compare(
            ("page from the application's memory", f"http://localhost:{port}{path}", pid),
            ("bare view, same server", f"http://localhost:{bare_port}/", bare_pid),
        )
        through_proxy = compare(
            ("page through the shipped proxy", f"http://localhost:{proxy_port}{path}", proxy),
            ("same bytes as a static file", f"http://localhost:{proxy_port}{STATIC}", proxy),
        )
        heads = ["", "requests/s", "cpu us/request", "ratio of requests/s", "ratio of cpu"]
        table(heads, [*in_application, *through_proxy])
        hits = counted((folder / "access.log").read_text(), path)
        print(f"Answers of the proxy by state of its cache: {hits}\n")
        print(f"How soon an edit that another process published is seen, {EDITS} edits each, seconds\n")
        rows = [
            ["by the application", *seen(editing, lambda: Reader(port).get(path)[1])],
            ["through the proxy", *seen(editing, lambda: Reader(proxy_port).get(path)[1])],
        ]
        with busy(f"http://localhost:{proxy_port}{path}"):
            rows.append(["through the proxy, under load", *seen(editing, lambda: Reader(proxy_port).get(path)[1])])
        table(["", "median", "p95", "worst", "promised"], rows)
        idle = rested(editing, lambda: Reader(proxy_port).get(path)[1])
        print(f"First reader of a page nobody opened for {PROMISED_SECONDS} s after an edit: {idle} of 5 saw the edit")
        print(f"Headers: {headers['Cache-Control']}; {headers['ETag']}; Vary: {headers['Vary']}\n")


def compare(*pair: tuple[str, str, int]) -> list[list[object]]:
    """Return requests/s and processor time of two addresses, measured in turns, and their ratios."""
    rates: list[list[float]] = [[], []]
    costs: list[list[float]] = [[], []]
    for _name, url, _pid in pair:
        load(url, seconds=1)
    for _round in range(ROUNDS):
        for place, (_name, url, pid) in enumerate(pair):
            before, started = processor_seconds(pid), time.monotonic()
            rate = load(url, seconds=3)
            requests = rate * (time.monotonic() - started)
            rates[place].append(rate)
            costs[place].append((processor_seconds(pid) - before) / requests * 1_000_000)
    medians = [(statistics.median(rates[place]), statistics.median(costs[place])) for place in (0, 1)]
    # Of each pair, for the machine may be busier in one round than in the next.
    ratio_of = [statistics.median(one / other for one, other in zip(*both, strict=True)) for both in (rates, costs)]
    ratios = [f"{ratio_of[0]:.0%}", f"{ratio_of[1]:.2f}"]
    return [
        [pair[0][0], *medians[0], *ratios],
        [pair[1][0], *medians[1], "", ""],
    ]


@contextmanager
def proxy_of(folder: Path, port: int, proxy_port: int, body: bytes) -> Iterator[int]:
    """Run the shipped proxy before a portal, and beside it a static file with the bytes of a page."""
    if not shutil.which("nginx"):
        raise Problem("nginx is missing. Install it: apt-get install nginx-light")
    folder.chmod(0o755)
    shutil.copytree(REPOSITORY / "deploy" / "nginx", folder, dirs_exist_ok=True)
    doors = folder / "doors"
    (doors / "https.conf").unlink()
    (folder / "static").mkdir()
    (folder / "static" / STATIC.removeprefix("/")).write_bytes(body)
    static = (
        f"location = {STATIC} {{ root {folder}/static; default_type 'text/html; charset=utf-8'; types {{ }}\n"
        "add_header Content-Encoding gzip; add_header Vary Accept-Encoding; }\n"
    )
    replace(folder / "nginx.conf", "/tmp/", f"{folder}/")  # noqa: S108  what the shipped file says
    replace(folder / "nginx.conf", "server web:8000", f"server 127.0.0.1:{port}")
    replace(folder / "nginx.conf", "/var/cache/nginx/pages", f"{folder}/pages")
    replace(folder / "nginx.conf", "/dev/stdout", f"{folder}/access.log")
    replace(folder / "nginx.conf", "/dev/stderr", f"{folder}/error.log")
    replace(folder / "nginx.conf", "include doors", f"include {doors}")
    replace(folder / "portal.conf", "# Everything else knows", static + "# Everything else knows")
    replace(doors / "behind-balancer.conf", "listen 8080", f"listen 127.0.0.1:{proxy_port}")
    replace(doors / "behind-balancer.conf", "include portal.conf", f"include {folder}/portal.conf")
    argv = ["nginx", "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    with running(argv, {}, port=proxy_port) as pid:
        yield pid


def replace(file: Path, old: str, new: str) -> None:
    """Replace what must be there."""
    text = file.read_text(encoding="utf-8")
    if old not in text:
        raise Problem(f"{file.name} has no {old!r} any more: teach benchmarks/cache.py.")
    file.write_text(text.replace(old, new), encoding="utf-8")


def counted(log: str, path: str) -> str:
    """Return how the proxy answered: from its cache or not."""
    states = re.findall(rf'"path":"{re.escape(path)}".*"cache":"(\w*)"', log)
    return ", ".join(f"{state or 'none'} {states.count(state):,}" for state in sorted(set(states)))


def seen(editing: "Editing", read: Callable[[], bytes]) -> list[float | int]:  # type: ignore[name-defined]  # noqa: F821
    """Publish edits at odd moments, ask ten times a second, and return how long each took to be seen."""
    found = []
    for number in range(EDITS):
        read()
        time.sleep(1 + number % 7 * 0.17)
        word = editing.publish()
        started = time.monotonic()
        while word not in read():
            if time.monotonic() - started > 60:
                raise Problem("An edit was not seen within a minute.")
            time.sleep(0.1)
        found.append(time.monotonic() - started)
    return [statistics.median(found), p95(found), max(found), PROMISED_SECONDS]


def rested(editing: "Editing", read: Callable[[], bytes]) -> int:  # type: ignore[name-defined]  # noqa: F821
    """Return how often the first reader after a pause sees an edit."""
    count = 0
    for _ in range(5):
        read()
        word = editing.publish()
        time.sleep(PROMISED_SECONDS)
        count += word in read()
    return count


@contextmanager
def busy(url: str) -> Iterator[None]:
    """Keep a page under load meanwhile."""
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            load(url, seconds=1, connections=4)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
