"""See `catalogue`."""

import sys

from tests.language.catalogue import main

main(sys.argv[1:])
