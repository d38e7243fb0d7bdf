"""The scope question in DuckDB: prints milliseconds and cells. Arguments: folder of Parquet files, from, to, sessions …"""
import sys
import time

import duckdb

folder, start, end, *sessions = sys.argv[1:]
connection = duckdb.connect()
question = f"""
    SELECT data_subject, of_table, category, max(CASE certainty WHEN 'confirmed' THEN 3 WHEN 'likely' THEN 2 ELSE 1 END), min("time"), max("time"), count(*)
    FROM read_parquet('{folder}/*.parquet')
    WHERE session IN ({", ".join("?" for _ in sessions)}) AND "time" BETWEEN ? AND ?
    GROUP BY ALL ORDER BY ALL
"""
parameters = [*sessions, int(start), int(end)]
best = None
for _ in range(3):
    started = time.perf_counter()
    rows = connection.execute(question, parameters).to_arrow_table().num_rows
    took = (time.perf_counter() - started) * 1000
    best = took if best is None else min(best, took)
print(f"{best:.1f} {rows}")
