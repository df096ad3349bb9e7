"""Records on whole cache lines, for what is looked at all the time."""

import numpy as np

LINE_BYTES = 64


def on_lines(fields: list[tuple[str, str]]) -> np.dtype:
    """A record padded to whole cache lines: its first fields share one."""
    dtype = np.dtype(fields, align=True)
    columns = dtype.fields or {}
    return np.dtype(
        {
            "names": list(columns),
            "formats": [column[0] for column in columns.values()],
            "offsets": [column[1] for column in columns.values()],
            "itemsize": -(-dtype.itemsize // LINE_BYTES) * LINE_BYTES,
        },
        align=True,
    )
