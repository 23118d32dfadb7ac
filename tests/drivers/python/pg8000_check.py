"""pg8000: pure Python, Flush after each message, the unnamed statement bound after a Sync; COPY."""
import datetime
import io
import sys

import pg8000.dbapi as pg
import pg8000.native

from common import COLUMNS, DATABASE, HOST, PASSWORD, PORT, ROWS, USER, VALUES, Count, same, table, tls_context

count = Count("pg8000")


def connect(**options):
    options = {"user": USER, "password": PASSWORD, "ssl_context": tls_context(), **options}
    return pg.connect(host=HOST, port=PORT, database=DATABASE, timeout=20, **options)


def fails(sqlstate, run, *args, **kwargs):
    try:
        run(*args, **kwargs)
    except pg.DatabaseError as error:
        assert error.args[0]["C"] == sqlstate, error
        count.step()
    else:
        raise AssertionError(f"{sqlstate} expected")


def login(method):
    if method == "cert":
        connect(ssl_context=tls_context(cert=True)).close()
        count.step()
        fails("28000", connect, user="mallory", ssl_context=tls_context(cert=True))
        fails("28000", connect)
        return
    connect().close()
    count.step()
    fails("28P01", connect, password="wrong")


def work():
    c = connect()
    cur = c.cursor()
    cur.execute("drop table if exists pg8000_t")
    cur.execute(table("pg8000_t"))
    marks = ", ".join(["%s"] * len(VALUES))
    cur.execute(f"insert into pg8000_t ({COLUMNS}) values ({marks}) returning id", list(VALUES.values()))
    assert cur.fetchone()[0] == 1
    cur.execute(f"select {COLUMNS} from pg8000_t")
    same(cur.fetchone())
    cur.execute("insert into pg8000_t (n) values (%s) returning txt, bin, flag", [1])
    assert list(cur.fetchone()) == [None] * 3
    c.commit()
    count.step()

    fails("42P01", cur.execute, "select * from nope")
    fails("25P02", cur.execute, "select 1")
    c.rollback()
    cur.execute("delete from pg8000_t")
    c.rollback()
    cur.execute("select count(*) from pg8000_t")
    assert cur.fetchone()[0] == 2
    fails("23505", cur.execute, "insert into pg8000_t (id, n) values (1, 1)")
    c.rollback()
    count.step()

    cur.execute("select n, 'row ' || n from generate_series(1, %s) as n", [ROWS])
    rows = cur.fetchall()
    assert len(rows) == ROWS and rows[-1][1] == f"row {ROWS}"
    count.step()
    cur.execute("copy pg8000_t (n, txt) from stdin", stream=io.BytesIO(b"5\tfive\n6\t\\N\n"))
    out = io.BytesIO()
    cur.execute("copy (select n, txt from pg8000_t where n >= 5 order by n) to stdout", stream=out)
    assert out.getvalue() == b"5\tfive\n6\t\\N\n", out.getvalue()
    c.commit()
    cur.execute("drop table pg8000_t")
    c.commit()
    c.close()
    count.step()

    native = pg8000.native.Connection(USER, host=HOST, port=PORT, database=DATABASE, password=PASSWORD,
                                      ssl_context=tls_context(), timeout=20)
    statement = native.prepare("select cast(:n as integer) + 1")
    for n in range(10):
        assert statement.run(n=n) == [[n + 1]]
    statement.close()
    assert native.run("select cast(:d as date)", d=datetime.date(2024, 2, 29)) == [[datetime.date(2024, 2, 29)]]
    native.close()
    count.step()


login(sys.argv[2]) if sys.argv[1] == "login" else work()
count.done()
