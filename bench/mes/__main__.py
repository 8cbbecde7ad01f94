"""`python -m bench.mes NAME ...`: one figure of the MES. A new one is a module here, named in `_NAMES`.

A module has `add_arguments(parser)` and `main(arguments)`, and its docstring's first line is its help.
"""

import argparse
import importlib

_NAMES = ("genealogy", "scan", "summary")


def run() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.mes")
    commands = parser.add_subparsers(required=True)
    for name in _NAMES:
        module = importlib.import_module(f"bench.mes.{name}")
        command = commands.add_parser(name, help=(module.__doc__ or "").splitlines()[0])
        module.add_arguments(command)
        command.set_defaults(main=module.main)
    arguments = parser.parse_args()
    arguments.main(arguments)


if __name__ == "__main__":
    run()
