"""asyncpg: Parse, Describe, Flush, then binary everything; cursors, COPY, NOTIFY, cancel by time-out."""
import asyncio
import io
import sys

import asyncpg

from common import COLUMNS, DATABASE, HOST, PASSWORD, PORT, ROWS, USER, VALUES, Count, same, table, tls_context

count = Count("asyncpg")


async def connect(**options):
    options = {"user": USER, "password": PASSWORD, "ssl": tls_context(), **options}
    return await asyncpg.connect(host=HOST, port=PORT, database=DATABASE, timeout=20, **options)


async def fails(sqlstate, awaitable):
    try:
        await awaitable
    except asyncpg.PostgresError as error:
        assert error.sqlstate == sqlstate, (sqlstate, error.sqlstate, str(error))
        count.step()
    else:
        raise AssertionError(f"{sqlstate} expected")


async def login(method):
    if method == "cert":
        await (await connect(ssl=tls_context(cert=True))).close()
        count.step()
        await fails("28000", connect(user="mallory", ssl=tls_context(cert=True)))
        await fails("28000", connect())
        return
    for ssl in (tls_context(), "require"):
        await (await connect(ssl=ssl)).close()
        count.step()
    direct = tls_context()
    direct.set_alpn_protocols(["postgresql"])
    await (await connect(direct_tls=True, ssl=direct)).close()
    count.step()
    await fails("28P01", connect(password="wrong"))


async def work():
    c = await connect()
    await c.execute("drop table if exists asyncpg_t")
    await c.execute(table("asyncpg_t"))
    marks = ", ".join(f"${n + 1}" for n in range(len(VALUES)))
    key = await c.fetchval(f"insert into asyncpg_t ({COLUMNS}) values ({marks}) returning id", *VALUES.values())
    row = await c.fetchrow(f"select {COLUMNS} from asyncpg_t where id = $1", key)
    values = dict(VALUES)
    # A subclass of uuid.UUID.
    got = {**dict(row), "u": type(values["u"])(str(row["u"]))}
    same(list(got.values()), values)
    row = await c.fetchrow("insert into asyncpg_t (n) values ($1) returning txt, bin, num, flag", 1)
    assert tuple(row) == (None,) * 4
    count.step()

    await fails("42P01", c.fetch("select * from nope"))
    await fails("42703", c.fetch("select nope from asyncpg_t"))
    await fails("23505", c.execute("insert into asyncpg_t (id, n) values ($1, 1)", 1))
    assert await c.fetchval("select 1") == 1

    tx = c.transaction()
    await tx.start()
    await c.execute("delete from asyncpg_t")
    await tx.rollback()
    assert await c.fetchval("select count(*) from asyncpg_t") == 2
    tx = c.transaction()
    await tx.start()
    await fails("42P01", c.fetch("select * from nope"))
    await fails("25P02", c.fetch("select 1"))
    await tx.rollback()
    async with c.transaction():
        async with c.transaction():
            await c.execute("update asyncpg_t set n = 8")
    count.step()

    statement = await c.prepare("select $1::int + 1")
    for n in range(10):
        assert await statement.fetchval(n) == n + 1
    await c.executemany("insert into asyncpg_t (n, txt) values ($1, $2)", [(n, str(n)) for n in range(500)])
    assert await c.fetchval("select count(*) from asyncpg_t") == 502
    count.step()

    rows = await c.fetch("select n, 'row ' || n as t from generate_series(1, $1::int) as n", ROWS)
    assert len(rows) == ROWS and rows[-1]["t"] == f"row {ROWS}"
    async with c.transaction():
        total = 0
        async for r in c.cursor("select n from generate_series(1, 5000) as n", prefetch=100):
            total += r["n"]
        assert total == 12_502_500
    count.step()

    try:
        await c.fetch("select pg_sleep(30)", timeout=0.3)
    except (asyncio.TimeoutError, TimeoutError):
        count.step()
    assert await c.fetchval("select 1") == 1

    said = await c.copy_to_table("asyncpg_t", source=io.BytesIO(b"5,five\n6,\n"), columns=["n", "txt"], format="csv")
    assert said == "COPY 2", said
    out = io.BytesIO()
    await c.copy_from_query("select n, txt from asyncpg_t where txt = 'five'", output=out, format="csv")
    assert out.getvalue() == b"5,five\n", out.getvalue()
    count.step()

    heard = asyncio.get_running_loop().create_future()
    await c.add_listener("news", lambda *args: heard.set_result(args[3]))
    other = await connect()
    await other.execute("notify news, 'extra'")
    assert await asyncio.wait_for(heard, 10) == "extra"
    await other.close()
    count.step()
    await c.execute("drop table asyncpg_t")
    await c.close()

    async with asyncpg.create_pool(host=HOST, port=PORT, user=USER, database=DATABASE, password=PASSWORD,
                                   ssl=tls_context(), min_size=2, max_size=4) as pool:
        assert sum(await asyncio.gather(*[pool.fetchval("select $1::int", n) for n in range(40)])) == 780
    count.step()


asyncio.run(login(sys.argv[2]) if sys.argv[1] == "login" else work())
count.done()
