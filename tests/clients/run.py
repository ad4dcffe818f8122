"""make test-clients: the examples, each by itself and all together, against real servers. See README.md."""

import argparse
from pathlib import Path

import examples
import pages
import together
from programs import programs


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--module", required=True)
    parser.add_argument("--built", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--part", choices=["pages", "alone", "cluster", "together"], help="only this part")
    options = parser.parse_args()
    chosen = programs(options.built, options.only.split())
    if options.part in (None, "pages"):
        pages.run(options.server, options.module, options.built, options.only.split())
    if options.part in (None, "alone"):
        examples.run_alone(chosen, options.server, options.module)
    if options.part in (None, "cluster"):
        examples.run_in_cluster(chosen, options.server, options.module)
    if options.part in (None, "together"):
        together.run(chosen, options.server, options.module, options.seconds, options.copies)
    print("test-clients: passed")


main()
