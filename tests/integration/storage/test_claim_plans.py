"""A commit's cost doesn't grow with the number of documents that there are."""

import pytest

from databases import connected
from segue.storage.claims import CLAIM, FIXED_PLANS, LOOK_UP

pytestmark = pytest.mark.anyio

NEW_DOCUMENTS = (
    "INSERT INTO documents (id, kind) SELECT 'd' || n, 'session' FROM generate_series(1, 500) n"
)
CLAIMS = "ARRAY['d7'], ARRAY[1], ARRAY[0], ARRAY[1]"


@pytest.mark.parametrize(
    ("statement", "arguments"),
    [
        pytest.param(CLAIM, f"{CLAIMS}, ARRAY['x'::bytea], 7, 0", id="claim"),
        pytest.param(LOOK_UP, f"{CLAIMS}, 7, 0", id="look up"),
    ],
)
async def test_a_claim_reads_the_rows_of_its_documents_alone(
    database_dsn: str, statement: str, arguments: str
) -> None:
    async with connected(database_dsn) as connection:
        await connection.execute(FIXED_PLANS)
        await connection.execute(NEW_DOCUMENTS)  # and nobody has analysed the table
        await connection.execute(f"PREPARE made AS {statement}")
        rows = await connection.fetch(f"EXPLAIN EXECUTE made ({arguments})")
    plan = "\n".join(row[0] for row in rows)
    assert "Index Scan using documents_pkey" in plan
    assert "Seq Scan" not in plan
