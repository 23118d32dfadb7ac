"""psycopg 3 (its own libpq 18): binary and text results, server-side cursors, COPY, pipeline, NOTIFY."""
import sys
import threading
import time

import psycopg

from common import CA, CERT, COLUMNS, DATABASE, HOST, KEY, PASSWORD, PORT, ROWS, USER, VALUES, Count, same, table

count = Count("psycopg 3")


def connect(**options):
    options = {"user": USER, "password": PASSWORD, "sslmode": "verify-full", "sslrootcert": CA, **options}
    return psycopg.connect(host=HOST, hostaddr="127.0.0.1", port=PORT, dbname=DATABASE,
                           connect_timeout=20, **options)


def fails(sqlstate, run, *args, **kwargs):
    try:
        run(*args, **kwargs)
    except psycopg.Error as error:
        got = error.sqlstate or str(error)
        assert sqlstate in got, (sqlstate, got)
        count.step()
    else:
        raise AssertionError(f"{sqlstate} expected")


def login(method):
    if method == "cert":
        connect(sslcert=CERT, sslkey=KEY).close()
        count.step()
        fails('certificate authentication failed for user "mallory"', connect, user="mallory", sslcert=CERT, sslkey=KEY)
        fails("connection requires a valid client certificate", connect)
        return
    connect().close()
    count.step()
    connect(sslnegotiation="direct").close()
    count.step()
    fails("password authentication failed", connect, password="wrong")
    if method == "scram-sha-256":
        connect(channel_binding="require").close()
        connect(channel_binding="disable").close()
        connect(require_auth="scram-sha-256").close()
        count.step()
    connect(require_auth=method).close()
    count.step()
    fails("authentication method requirement", connect, require_auth="none")


def work():
    with connect(autocommit=True) as c:
        c.execute("drop table if exists psycopg_t")
        c.execute(table("psycopg_t"))
        marks = ", ".join(["%s"] * len(VALUES))
        for binary in (False, True):
            cur = c.cursor(binary=binary)
            cur.execute(f"insert into psycopg_t ({COLUMNS}) values ({marks}) returning id", list(VALUES.values()))
            key = cur.fetchone()[0]
            cur.execute(f"select {COLUMNS} from psycopg_t where id = %s", [key])
            same(cur.fetchone())
            count.step()
        row = c.execute("insert into psycopg_t (n) values (%s) returning txt, bin, num, flag, day", [1]).fetchone()
        assert row == (None,) * 5, row
        count.step()

        fails("42P01", c.execute, "select * from nope")
        fails("42703", c.execute, "select nope from psycopg_t")
        fails("42601", c.execute, "selec 1")
        fails("23505", c.execute, "insert into psycopg_t (id, n) values (1, 1)")
        fails("23502", c.execute, "insert into psycopg_t (n) values (null)")
        fails("22P02", c.execute, "select 'x'::int")
        fails("22012", c.execute, "select 1/0")
        assert c.execute("select 1").fetchone() == (1,)
        count.step()

        c.autocommit = False
        c.execute("delete from psycopg_t")
        c.rollback()
        assert c.execute("select count(*) from psycopg_t").fetchone() == (3,)
        fails("42P01", c.execute, "select * from nope")
        fails("25P02", c.execute, "select 1")
        c.rollback()
        with c.transaction():
            with c.transaction(force_rollback=True):
                c.execute("delete from psycopg_t")
            assert c.execute("select count(*) from psycopg_t").fetchone() == (3,)
        count.step()

        for n in range(10):
            assert c.execute("select %s::int + 1", [n], prepare=True).fetchone() == (n + 1,)
        count.step()

        cur = c.execute("select n, 'row ' || n from generate_series(1, %s) as n", [ROWS])
        rows = cur.fetchall()
        assert len(rows) == ROWS and rows[-1] == (ROWS, f"row {ROWS}"), rows[-1]
        count.step()
        with c.cursor(name="some") as cur:
            cur.itersize = 1000
            cur.execute("select n from generate_series(1, 5000) as n")
            assert sum(r[0] for r in cur) == 12_502_500
        count.step()
        c.commit()

        c.autocommit = True
        for how in ("cancel", "cancel_safe"):
            timer = threading.Timer(0.3, getattr(c, how))
            timer.start()
            began = time.monotonic()
            fails("57014", c.execute, "select pg_sleep(30)")
            assert time.monotonic() - began < 10
            timer.join()
        assert c.execute("select 1").fetchone() == (1,)

        with c.cursor() as cur:
            with cur.copy("copy psycopg_t (n, txt) from stdin") as copy:
                for n in range(1000):
                    copy.write_row((n, f"tab\tnewline\n{n}" if n % 2 else None))
            assert cur.rowcount == 1000, cur.rowcount
            with cur.copy("copy (select n, txt from psycopg_t where n < 4 and n >= 0 order by n, id) to stdout") as copy:
                rows = list(copy.rows())
            assert ("3", "tab\tnewline\n3") in rows and ("2", None) in rows, rows
        fails("22P02", copy_in, c, "copy psycopg_t (n) from stdin", b"x\n")
        assert c.execute("select 1").fetchone() == (1,)
        count.step()

        with c.pipeline():
            results = [c.execute("select %s::int", [n]) for n in range(50)]
        assert [r.fetchone()[0] for r in results] == list(range(50))
        count.step()

        with connect(autocommit=True) as other:
            c.execute("listen news")
            other.execute("select pg_notify('news', 'extra')")
            note = next(c.notifies(timeout=10))
            assert (note.channel, note.payload) == ("news", "extra"), note
        count.step()
        c.execute("drop table psycopg_t")


def copy_in(connection, statement, data):
    with connection.cursor() as cur, cur.copy(statement) as copy:
        copy.write(data)


login(sys.argv[2]) if sys.argv[1] == "login" else work()
count.done()
