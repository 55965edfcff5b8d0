"""The command `authority`, also as `python -m authority_queries`."""

import sys


def main() -> int:
    """Run the command, and return its exit code."""
    try:
        # Imported here because the extra that the command needs may be missing.
        from authority_queries import cli  # noqa: PLC0415 -- see above
    except ModuleNotFoundError as error:
        print(  # noqa: T201 -- the command prints
            f"authority: {error}: pip install 'authority-queries[service]'",
            file=sys.stderr,
        )
        return 2
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
