//! `to_char`, `to_number`, `to_date` and `to_timestamp` of the embedded database, compared with what PostgreSQL 15 answers.

use crate::common::sql::on_empty;

#[test]
fn numbers_shown_by_patterns() {
    on_empty(&[
        (
            "select to_char(125, '999'), to_char(-125.8, '999D9'), to_char(1485, '9,999'), to_char(-485, '999S'), to_char(485, '9SG99'), to_char(-0.1, '99.99'), to_char(0, '9.9'), to_char(12.45, 'FM999.990'), to_char(0.1, 'FM9.99'), to_char(0.1, '0.9')",
            " 125|-125.8| 1,485|485-|4+85|  -.10|  .0|12.450|.1| 0.1",
        ),
        (
            "select to_char(12, '9990999.9'), to_char(12, 'FM9990999.9'), to_char(485, '999'), to_char(-485, '999'), to_char(485, '9 9 9'), to_char(1485, '9G999'), to_char(148.5, '999.999'), to_char(148.5, 'FM999.999'), to_char(3148.5, '9G999D999')",
            "    0012.0|0012.| 485|-485| 4 8 5| 1,485| 148.500|148.5| 3,148.500",
        ),
        (
            "select to_char(485, '999MI'), to_char(-485, '999MI'), to_char(-485, 'FM999MI'), to_char(485, 'PL999'), to_char(-485, 'SG999'), to_char(-485, '9SG99'), to_char(-485, '999PR'), to_char(485, 'L999'), to_char(485, 'RN'), to_char(485, 'FMRN'), to_char(5.2, 'FMrn'), to_char(482, '999th'), to_char(11, 'FM99TH')",
            "485 |485-|485-|+ 485|-485|4-85|<485>|  485|        CDLXXXV|CDLXXXV|v| 482nd|11TH",
        ),
        (
            "select to_char(485, '\"Good number:\"999'), to_char(485.8, '\"Pre:\"999\" Post:\" .999'), to_char(12, '99V999'), to_char(12.4, '99V999'), to_char(12.45, '99V9'), to_char(0.0004859, '9.99EEEE'), to_char(-12345, '9.9EEEE'), to_char(123456, '999'), to_char(-1234.5, 'FM999.9'), to_char(1e20::float8, '9.999EEEE')",
            "Good number: 485|Pre: 485 Post: .800| 12000| 12400| 125| 4.86e-04|-1.2e+04| ###|-###.#| 1.000e+20",
        ),
        (
            "select to_char(0.1::float8, '0.99999999999999999999'), to_char(1.5::float4, '99.99'), to_char(12345678901::int8, '99,999,999,999'), to_char(7::int2, '009'), to_char(1234.5, ''), to_char(null::int, '9'), to_char(0, 'S9'), to_char(5000, 'RN')",
            " 0.10000000000000|  1.50| 12,345,678,901| 007||∅|+0|###############",
        ),
        ("select to_char(1, '9.9.9')", "42601"),
        ("select to_char(1, '9EEEE9')", "42601"),
        ("select to_char(1, 'S9S')", "42601"),
        ("select to_char(1, 'FM9EEEE')", "42601"),
        ("select to_char(1, 'S9MI')", "42601"),
        ("select to_char(1, '9PR9')", "42601"),
        ("select to_char(1, 'TH')", "22P02"),
    ]);
}

#[test]
fn numbers_read_by_patterns() {
    on_empty(&[
        (
            "select to_number('12,454.8-', '99G999D9S'), to_number('-34,338,492', '99G999G999'), to_number('<564646.654564>', '999999.999999PR'), to_number('0.00001-', '9.999999S'), to_number('5.01-', 'FM9.999999MI'), to_number(' 4 4 4 4 8 . 7 8', '9 9 9 9 9 . 9 9'), to_number('$1,234.56', 'L9,999.99'), to_number('1234.56', 'L9,999.99'), to_number('42nd', '99th'), to_number('123456', '999G999'), to_number('12345', '999V99'), to_number('', '9') is null",
            "22P02",
        ),
        (
            "select to_number('12.345', '99.9'), to_number('x12', '\"a\"99'), to_number('1', ''), to_number('+5', 'S9'), pg_typeof(to_number('1', '9'))",
            "12.3|12|∅|5|numeric",
        ),
        ("select to_number('abc', '999')", "22P02"),
        ("select to_number('1', '9EEEE')", "0A000"),
        ("select to_number('X', 'RN')", "0A000"),
    ]);
}

#[test]
fn times_shown_by_patterns() {
    on_empty(&[
        (
            "select to_char(timestamp '2026-01-31 14:05:06.789012', 'YYYY-MM-DD HH24:MI:SS.US'), to_char(timestamp '2026-01-31 14:05:06.789012', 'FMDay, FMDD FMMonth YYYY HH12:MI am'), to_char(timestamp '2026-01-31', 'Day DD Month|DY|Mon|q'), to_char(timestamp '2026-01-31 14:05:06', 'DDD IDDD WW IW IYYY ID D W Q CC J'), to_char(timestamp '2026-01-02', 'DDth ddTH FMDDth YYYYth')",
            "2026-01-31 14:05:06.789012|Saturday, 31 January 2026 02:05 pm|Saturday  31 January  |SAT|Jan|1|031 034 05 05 2026 6 7 5 1 21 2461072|02nd 02ND 2nd 2026th",
        ),
        (
            "select to_char(timestamp '2026-01-31 14:05:06.789012', 'MS US FF1 FF3 SSSS SSSSS'), to_char(date '2026-01-31', 'Y,YYY YYY YY Y A.D. bc RM rm'), to_char(timestamp '2026-01-31', '\"Year\" YYYY \\\"MM\\\" Hh'), to_char(timestamp '2026-01-31 00:30', 'HH:MI AM'), to_char(timestamp '2026-01-31', 'TMMonth TMDay|FMMM|fmdd')",
            "789 789012 7 789 50706 50706|2,026 026 26 6 A.D. ad I    i   |Year 2026 \"01\" Hh|12:30 AM|January Saturday|1|31",
        ),
        (
            "select to_char(timestamptz '2026-01-31 14:05:06+00', 'YYYY-MM-DD HH24 TZ tz OF TZH:TZM'), to_char(timestamp '2026-01-31', 'TZ OF'), to_char(timestamp '2026-01-31', '') is null",
            "2026-01-31 14 UTC utc +00 +00:00| +00|t",
        ),
        (
            "select to_char(interval '1 year 2 mons 3 days 04:05:06.7', 'YYYY MM DD HH24:MI:SS.MS DDD'), to_char(interval '-1 day -02:03:04', 'DD HH24:MI:SS'), to_char(interval '125:00', 'HH24:MI FMHH24 HH12'), to_char(time '14:05', 'HH12:MI PM')",
            "0001 02 03 04:05:06.700 423|-1 -02:-03:-04|125:00 125 05|02:05 PM",
        ),
        ("select to_char(interval '1 day', 'Month')", "22007"),
    ]);
}

#[test]
fn times_read_by_patterns() {
    on_empty(&[
        (
            "select to_date('05 Dec 2000', 'DD Mon YYYY'), to_date('20260131', 'YYYYMMDD'), to_date('31/01/26', 'DD/MM/YY'), to_date('2026 123', 'YYYY DDD'), to_date('2026-W05-3', 'IYYY-\"W\"IW-ID'), to_date('2461072', 'J'), to_date('21 26 03 04', 'CC YY MM DD'), to_date('2,026 10', 'Y,YYY MM'), to_date('5 VII 2026', 'DD RM YYYY'), to_date('2026', 'YYYY-MM-DD'), to_date('2026-1-2', 'YYYY-MM-DD'), pg_typeof(to_date('2026', 'YYYY'))",
            "2000-12-05|2026-01-31|2026-01-31|2026-05-03|2026-01-28|2026-01-31|2026-03-04|2026-10-01|2026-07-05|2026-01-01|2026-01-02|date",
        ),
        (
            "select to_timestamp('2026-01-31 12:34:56.789', 'YYYY-MM-DD HH24:MI:SS.MS'), to_timestamp('05 December 2000 3:04 PM', 'DD Month YYYY HH:MI PM'), to_timestamp('2026-01-31 10:00 +05:30', 'YYYY-MM-DD HH24:MI TZH:TZM'), to_timestamp('2026-01-31 86399', 'YYYY-MM-DD SSSS'), to_timestamp('2026   Jan', 'YYYY Mon'), to_timestamp('2026-06-01 12.56', 'YYYY-MM-DD SS.FF1'), to_timestamp('2026-01-31T12:34', 'YYYY-MM-DD\"T\"HH24:MI'), to_timestamp('1st 2026', 'DDth YYYY'), pg_typeof(to_timestamp('2026', 'YYYY'))",
            "2026-01-31 12:34:56.789+00|2000-12-05 15:04:00+00|2026-01-31 04:30:00+00|2026-01-31 23:59:59+00|2026-01-01 00:00:00+00|2026-06-01 00:00:12.6+00|2026-01-31 12:34:00+00|2026-01-01 00:00:00+00|timestamp with time zone",
        ),
        ("select to_date('2026-13-01', 'YYYY-MM-DD')", "22008"),
        ("select to_date('2026-02-30', 'YYYY-MM-DD')", "22008"),
        ("select to_date('abc', 'YYYY')", "22007"),
        ("select to_date('2026 5 3', 'YYYY IW MM')", "22007"),
        ("select to_date('2026 2027', 'YYYY YYYY')", "22007"),
        (
            "select to_timestamp('2026-01-31 13:00 am', 'YYYY-MM-DD HH12:MI am')",
            "22007",
        ),
        ("select to_timestamp('2026 UTC', 'YYYY TZ')", "0A000"),
        ("select to_date('2026 Foo', 'YYYY Mon')", "22007"),
        ("select to_date('202', 'FXYYYYMM')", "22007"),
        ("select to_date(null, 'YYYY'), to_date('2026', null)", "∅|∅"),
    ]);
}
