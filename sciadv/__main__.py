"""``python -m sciadv`` and ``torchrun -m sciadv``: the command line."""

from sciadv.cli import main

if __name__ == "__main__":
    main()
