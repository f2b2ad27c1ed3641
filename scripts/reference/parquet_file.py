"""A Parquet file as PyArrow writes it, test/fixtures/measurements.parquet, which docs/data.md reads: twelve rows in three
groups. Run with pyarrow 26; nothing else here needs it.
"""

import pathlib

import pyarrow
from pyarrow import parquet

TARGET = pathlib.Path(__file__).parents[2] / "test" / "fixtures" / "measurements.parquet"
rows = range(12)
table = pyarrow.table({
    "height": pyarrow.array([1.5 * i for i in rows], pyarrow.float64()),
    "width": pyarrow.array([i / 4 for i in rows], pyarrow.float32()),
    "count": pyarrow.array([i * i for i in rows], pyarrow.int64()),
    "kind": pyarrow.array([("ash", "oak", "elm")[i % 3] for i in rows]),
})
parquet.write_table(table, TARGET, row_group_size=4)
print(f"{TARGET.name}: {TARGET.stat().st_size} bytes, {parquet.ParquetFile(TARGET).num_row_groups} groups")
