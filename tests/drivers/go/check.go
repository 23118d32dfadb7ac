// lib/pq behind database/sql: Parse, Describe, Sync, then Bind of the unnamed statement; COPY, cancel by context.
package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/lib/pq"
)

var passed int

func check(holds bool, what ...interface{}) {
	if !holds {
		log.Panicln(what...)
	}
}

func must(err error) {
	if err != nil {
		log.Panicln(err)
	}
}

func fails(code string, err error) {
	var e *pq.Error
	check(errors.As(err, &e) && string(e.Code) == code, code, "expected:", err)
	passed++
}

func open(password string) *sql.DB {
	return openAs(os.Getenv("PGTLS_USER"), password, "")
}

func openAs(user, password, more string) *sql.DB {
	db, err := sql.Open("postgres", fmt.Sprintf(
		"host=localhost port=%s user=%s password='%s' dbname=heliosdb sslmode=verify-full sslrootcert=%s connect_timeout=20 %s",
		os.Getenv("PGTLS_PORT"), user, password, os.Getenv("PGTLS_CA"), more))
	must(err)
	return db
}

func login(method string) {
	if method == "cert" {
		cert := fmt.Sprintf("sslcert=%s sslkey=%s", os.Getenv("PGTLS_CERT"), os.Getenv("PGTLS_KEY"))
		must(openAs(os.Getenv("PGTLS_USER"), "", cert).Ping())
		passed++
		fails("28000", openAs("mallory", "", cert).Ping())
		fails("28000", open("").Ping())
		return
	}
	must(open(os.Getenv("PGTLS_PASSWORD")).Ping())
	passed++
	fails("28P01", open("wrong").Ping())
}

func work() {
	db := open(os.Getenv("PGTLS_PASSWORD"))
	defer db.Close()
	exec := func(query string, args ...interface{}) {
		_, err := db.Exec(query, args...)
		must(err)
	}
	exec("drop table if exists go_t")
	exec("create table go_t (id serial primary key, n int not null, big bigint, f double precision, txt text, flag boolean, bin bytea, at timestamptz)")
	text, bin := "Grüße, 'Welt' \\ 🐘", []byte{0, 1, 254, 255}
	at := time.Date(2024, 2, 29, 13, 14, 15, 123456000, time.UTC)
	var id int
	must(db.QueryRow("insert into go_t (n, big, f, txt, flag, bin, at) values ($1, $2, $3, $4, $5, $6, $7) returning id",
		-7, int64(9007199254740993), 2.5, text, true, bin, at).Scan(&id))
	check(id == 1, id)
	var (
		n, big int64
		f      float64
		txt    string
		flag   bool
		got    []byte
		gotAt  time.Time
	)
	must(db.QueryRow("select n, big, f, txt, flag, bin, at from go_t where id = $1", id).Scan(&n, &big, &f, &txt, &flag, &got, &gotAt))
	check(n == -7 && big == 9007199254740993 && f == 2.5 && txt == text && flag && bytes.Equal(got, bin) && gotAt.Equal(at),
		n, big, f, txt, flag, got, gotAt)
	var none sql.NullString
	must(db.QueryRow("insert into go_t (n) values ($1) returning txt", 1).Scan(&none))
	check(!none.Valid, none)
	passed++

	_, err := db.Query("select * from nope")
	fails("42P01", err)
	_, err = db.Exec("insert into go_t (id, n) values ($1, 1)", 1)
	fails("23505", err)
	tx, err := db.Begin()
	must(err)
	_, err = tx.Exec("delete from go_t")
	must(err)
	must(tx.Rollback())
	tx, err = db.Begin()
	must(err)
	_, err = tx.Exec("select * from nope")
	fails("42P01", err)
	_, err = tx.Exec("select 1")
	fails("25P02", err)
	must(tx.Rollback())
	must(db.QueryRow("select count(*) from go_t").Scan(&n))
	check(n == 2, n)
	passed++

	statement, err := db.Prepare("select $1::int + 1")
	must(err)
	for i := 0; i < 10; i++ {
		must(statement.QueryRow(i).Scan(&n))
		check(n == int64(i+1), n)
	}
	passed++

	rows, err := db.Query("select n, 'row ' || n from generate_series(1, $1::int) as n", 100000)
	must(err)
	count := 0
	for rows.Next() {
		count++
		must(rows.Scan(&n, &txt))
		check(txt == fmt.Sprintf("row %d", count), txt)
	}
	must(rows.Err())
	check(count == 100000, count)
	passed++

	ctx, stop := context.WithTimeout(context.Background(), 300*time.Millisecond)
	_, err = db.ExecContext(ctx, "select pg_sleep(30)")
	stop()
	fails("57014", err)

	tx, err = db.Begin()
	must(err)
	in, err := tx.Prepare(pq.CopyIn("go_t", "n", "txt"))
	must(err)
	for i := 0; i < 1000; i++ {
		_, err = in.Exec(i, "copied\t\\")
		must(err)
	}
	_, err = in.Exec()
	must(err)
	must(in.Close())
	must(tx.Commit())
	must(db.QueryRow("select count(*) from go_t where txt = $1", "copied\t\\").Scan(&n))
	check(n == 1000, n)
	passed++
	exec("drop table go_t")
}

func main() {
	if os.Args[1] == "login" {
		login(os.Args[2])
	} else {
		work()
	}
	fmt.Printf("lib/pq: %d passed, 0 failed\n", passed)
}
