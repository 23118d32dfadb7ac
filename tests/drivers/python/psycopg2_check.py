"""psycopg2 (its own libpq 17): the simple protocol with parameters put into the text, COPY, NOTIFY."""
import io
import select
import sys
import threading

import psycopg2

from common import CA, CERT, COLUMNS, DATABASE, HOST, KEY, PASSWORD, PORT, ROWS, USER, VALUES, Count, same, table

count = Count("psycopg2")


def connect(**options):
    options = {"user": USER, "password": PASSWORD, "sslmode": "verify-full", "sslrootcert": CA, **options}
    return psycopg2.connect(host=HOST, hostaddr="127.0.0.1", port=PORT, dbname=DATABASE,
                            connect_timeout=20, **options)


def fails(sqlstate, run, *args, **kwargs):
    try:
        run(*args, **kwargs)
    except psycopg2.Error as error:
        got = error.pgcode or str(error)
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
    for options in ({}, {"channel_binding": "prefer"}, {"sslnegotiation": "direct"}):
        connect(**options).close()
        count.step()
    fails("password authentication failed", connect, password="wrong")


def work():
    c = connect()
    cur = c.cursor()
    cur.execute("drop table if exists psycopg2_t")
    cur.execute(table("psycopg2_t"))
    values = {**VALUES, "u": str(VALUES["u"])}
    marks = ", ".join(["%s"] * len(values))
    cur.execute(f"insert into psycopg2_t ({COLUMNS}) values ({marks}) returning id", list(values.values()))
    assert cur.fetchone() == (1,)
    cur.execute(f"select {COLUMNS} from psycopg2_t")
    same(cur.fetchone(), values)
    cur.execute("insert into psycopg2_t (n) values (%s) returning txt, bin, flag", [1])
    assert cur.fetchone() == (None, None, None)
    c.commit()
    count.step()

    fails("42P01", cur.execute, "select * from nope")
    fails("25P02", cur.execute, "select 1")
    c.rollback()
    cur.execute("delete from psycopg2_t")
    c.rollback()
    cur.execute("select count(*) from psycopg2_t")
    assert cur.fetchone() == (2,)
    fails("23505", cur.execute, "insert into psycopg2_t (id, n) values (1, 1)")
    c.rollback()
    count.step()

    cur.execute("prepare twice(int) as select $1 * 2")
    for n in range(10):
        cur.execute("execute twice(%s)", [n])
        assert cur.fetchone() == (2 * n,)
    cur.execute("deallocate twice")
    count.step()

    cur.execute("select n from generate_series(1, %s) as n", [ROWS])
    assert sum(r[0] for r in cur) == ROWS * (ROWS + 1) // 2
    count.step()
    with c.cursor("named") as named:
        named.execute("select n from generate_series(1, 5000) as n")
        assert sum(r[0] for r in named) == 12_502_500
    c.commit()
    count.step()

    timer = threading.Timer(0.3, c.cancel)
    timer.start()
    fails("57014", cur.execute, "select pg_sleep(30)")
    timer.join()
    c.rollback()

    cur.copy_expert("copy psycopg2_t (n, txt) from stdin with (format csv)", io.StringIO('1,"a ""b"", c"\n2,\n'))
    assert cur.rowcount == 2
    out = io.StringIO()
    cur.copy_expert("copy (select n, txt from psycopg2_t where id > 2 order by id) to stdout with (format csv, header)", out)
    assert out.getvalue().startswith("n,txt\n1,"), out.getvalue()
    c.commit()
    count.step()

    other = connect()
    other.autocommit = c.autocommit = True
    cur.execute("listen news")
    other.cursor().execute("notify news, 'extra'")
    assert select.select([c], [], [], 10)[0]
    c.poll()
    assert c.notifies[0].payload == "extra"
    count.step()
    cur.execute("drop table psycopg2_t")


login(sys.argv[2]) if sys.argv[1] == "login" else work()
count.done()
