"""`python -m authority_queries` is `authority`."""

import sys


def main() -> int:
    """Run the command, and return its exit code."""
    try:
        # Imported here: the extra may be missing that the command needs.
        from authority_queries import cli  # noqa: PLC0415 -- because of that
    except ModuleNotFoundError as error:
        print(  # noqa: T201 -- it is the command
            f"authority: {error}: pip install 'authority-queries[service]'",
            file=sys.stderr,
        )
        return 2
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
