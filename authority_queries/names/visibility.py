"""Characters that nobody sees, as the schema's function authority.is_visible has them.

Their code points are written out: no version of Unicode changes them.
"""

import re
from typing import Final

# Controls, spaces but U+0020, what is ignored when it is shown, blanks, variation
# selectors, tags, private use and noncharacters. U+200C and U+200D, which scripts of
# Persia and India need, may stand after another character.
_INVISIBLE: Final = re.compile(
    r"[\u0000-\u001f\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5"
    r"\u180b-\u180f\u2000-\u200b\u200e\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000"
    r"\u3164\ud800-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U0010ffff]"
    r"|^ | \Z|(?:^| )[\u200c\u200d]|^\Z"
)


def is_visible(text: str) -> bool:
    """Tell whether each character shows, and no space is at an end."""
    return _INVISIBLE.search(text) is None
