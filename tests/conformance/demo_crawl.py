"""The demo by crawl: the mini-web's pages come from a web server on loopback, and quickstart runs on the WARC files.

python tests/conformance/demo_crawl.py FOLDER    # `make demo-crawl`
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "servers"))

from judge import Rules, judge
from loopback.play import links, plan_of
from loopback.process import running
from loopback.replay import table
from webtext import crawl, curate

DELAY = 0.05


def main(folder: Path) -> None:
    """Play each source of quickstart, crawl it, and run the recipe on what came of it."""
    folder.mkdir(parents=True, exist_ok=True)
    curate("miniweb", folder / "miniweb")
    inputs = []
    for source in ("articles", "web"):
        files = sorted((folder / "miniweb").glob(f"{source}-*.warc.gz"))
        pages, out = table(files), folder / source
        with running(folder / f"{source}-web", plan_of(pages, files, any_port=True)) as web:
            crawl(web, links(pages, web.plan), out, DELAY)
            verdict = judge(web.ledger(), web.plan, Rules(min_delay=DELAY, address_delay=DELAY))
        print(f"judge of {source}: {verdict.requests} requests, violations: {dict(verdict.kinds)}")
        inputs += ["--set", f'sources.{source}.inputs=["{out}/warc/*.warc.gz"]']
    curate("run", "quickstart", "-o", folder / "dataset", "--no-train", *inputs)
    curate("verify", folder / "dataset")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
