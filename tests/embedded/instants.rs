//! Dates and times however they are written, compared with what PostgreSQL 15 answers.

use crate::common::sql::on_empty;

#[test]
fn fields_come_in_any_order() {
    on_empty(&[
        (
            "select 'Jan 5 2024'::date, 'January 5, 2024'::date, '5 Jan 2024'::date, '2024-Jan-05'::date, '20240105'::date, '2024/01/05'::date, '1/5/2024'::date, 'Jan-05-2024'::date, '05-Jan-2024'::date, '5 January, 2024'::date",
            "2024-01-05|2024-01-05|2024-01-05|2024-01-05|2024-01-05|2024-01-05|2024-01-05|2024-01-05|2024-01-05|2024-01-05",
        ),
        ("select 'Jan 5 2024'::date", "2024-01-05"),
        ("select 'January 5, 2024'::date", "2024-01-05"),
        ("select '5 Jan 2024'::date", "2024-01-05"),
        ("select '2024-Jan-05'::date", "2024-01-05"),
        ("select '20240105'::date", "2024-01-05"),
        ("select '240105'::date", "2024-01-05"),
        ("select '2024/01/05'::date", "2024-01-05"),
        ("select '2024.01.05'::date", "2024-01-05"),
        ("select '1/5/2024'::date", "2024-01-05"),
        ("select '1-5-2024'::date", "2024-01-05"),
        ("select '1.5.2024'::date", "2024-01-05"),
        ("select '13/5/2024'::date", "22008"),
        (
            "select '1/5/24'::date, '1/5/70'::date",
            "2024-01-05|1970-01-05",
        ),
        ("select '99-01-05'::date", "22008"),
        ("select '24-01-05'::date", "22008"),
        ("select '05-Jan-24'::date", "2024-01-05"),
        ("select 'Jan 5, 24'::date", "2024-01-05"),
        ("select '2024-01'::date", "22007"),
        ("select '2024-1-5'::date", "2024-01-05"),
        ("select '2024.005'::date", "2024-01-05"),
        ("select '2024005'::date", "22008"),
        ("select 'J2451187'::date", "1999-01-08"),
        (
            "select 'yesterday'::date < 'today'::date, 'tomorrow'::date > 'today'::date, 'now'::date = current_date",
            "t|t|t",
        ),
        (
            "select 'epoch'::date, 'epoch'::timestamp, 'epoch'::timestamptz",
            "1970-01-01|1970-01-01 00:00:00|1970-01-01 00:00:00+00",
        ),
        ("select 'allballs'::time", "00:00:00"),
        (
            "select 'Friday Jan 5 2024'::date, 'Fri Jan 05 2024'::date",
            "2024-01-05|2024-01-05",
        ),
        (
            "select 'Fri Jan 05 17:32:01 2024'::timestamp, 'Fri Jan 05 17:32:01 2024 UTC'::timestamptz",
            "2024-01-05 17:32:01|2024-01-05 17:32:01+00",
        ),
        (
            "select '04:05 PM'::time, '04:05:06 am'::time, '4:05pm'::time, '12:00 am'::time, '12:30 PM'::time",
            "16:05:00|04:05:06|16:05:00|00:00:00|12:30:00",
        ),
        (
            "select '040506'::time, '0405'::time, '04:05'::time, '04:05:06.789'::time, '24:00'::time, '23:59:60'::time",
            "04:05:06|04:05:00|04:05:00|04:05:06.789|24:00:00|24:00:00",
        ),
        ("select '13:00 PM'::time", "22008"),
        ("select '25:00'::time", "22008"),
        ("select '04:60'::time", "22008"),
        ("select '04:05:61'::time", "22008"),
        ("select '04:05 PST'::time", "04:05:00"),
        (
            "select '2024-01-05 04:05 PM'::timestamp, '2024-01-05 04:05:06 am'::timestamp",
            "2024-01-05 16:05:00|2024-01-05 04:05:06",
        ),
        (
            "select '2024-01-05 04:05 PST'::timestamptz, '2024-01-05 04:05 EST'::timestamptz, '2024-07-05 04:05 CEST'::timestamptz, '2024-07-05 04:05 MSK'::timestamptz",
            "2024-01-05 12:05:00+00|2024-01-05 09:05:00+00|2024-07-05 02:05:00+00|2024-07-05 01:05:00+00",
        ),
        (
            "select '2024-01-05 04:05 America/New_York'::timestamptz, '2024-01-05 04:05 Z'::timestamptz, '2024-01-05 04:05 zulu'::timestamptz, '2024-01-05 04:05 +05:30'::timestamptz, '2024-01-05 04:05-08'::timestamptz, '2024-01-05 04:05+0530'::timestamptz",
            "2024-01-05 09:05:00+00|2024-01-05 04:05:00+00|2024-01-05 04:05:00+00|2024-01-04 22:35:00+00|2024-01-05 12:05:00+00|2024-01-04 22:35:00+00",
        ),
        (
            "select '2024-01-05 04:05 UTC+3'::timestamptz",
            "2024-01-05 07:05:00+00",
        ),
        ("select '2024-01-05 04:05 xyz'::timestamptz", "22007"),
        (
            "select '2024-01-05 04:05 PST'::timestamp",
            "2024-01-05 04:05:00",
        ),
        (
            "select '20240105T040506'::timestamp, '20240105 040506'::timestamp, '2024-01-05T04:05:06Z'::timestamptz, '20240105T040506.5'::timestamp",
            "2024-01-05 04:05:06|2024-01-05 04:05:06|2024-01-05 04:05:06+00|2024-01-05 04:05:06.5",
        ),
        (
            "select 'Jan 5 2024 04:05'::timestamp, '04:05 Jan 5 2024'::timestamp, '5 Jan 2024 04:05 PM'::timestamp, 'January 5, 2024 4:05:06 PM PST'::timestamptz",
            "2024-01-05 04:05:00|2024-01-05 04:05:00|2024-01-05 16:05:00|2024-01-06 00:05:06+00",
        ),
        ("select '2024-02-30'::date", "22008"),
        ("select '2024-13-01'::date", "22008"),
        ("select 'Feb 30 2024'::date", "22008"),
        ("select 'foo'::date", "22007"),
        ("select ''::date", "22007"),
        ("select '2024-01-05 foo'::date", "22007"),
        ("select 'Jan'::date", "22007"),
        ("select '5 Jan'::date", "22007"),
        ("select '1/2/3/4'::date", "22007"),
        ("select 'Jan 5 2024 2025'::date", "2024-01-05"),
        ("select '2024-01-05 25:00'::timestamp", "22008"),
        (
            "select '2024-01-05 24:00'::timestamp",
            "2024-01-06 00:00:00",
        ),
        ("select '2024-01-05 04:05:06'::date", "2024-01-05"),
        (
            "select '2024-01-05 04:05 AD'::timestamp",
            "2024-01-05 04:05:00",
        ),
        (
            "select 'today 04:05'::timestamp = current_date + time '04:05', 'tomorrow allballs'::timestamp = current_date+1",
            "t|t",
        ),
        ("select 'now'::time is not null", "t"),
        ("select '2024-01-05'::time", "22007"),
        ("select '2024-01-05 04:05'::time", "04:05:00"),
        (
            "select 'Sept 5 2024'::date, 'sep 5 2024'::date",
            "2024-09-05|2024-09-05",
        ),
        ("select 'may 5 2024'::timestamp", "2024-05-05 00:00:00"),
        (
            "select '2024 Jan 5'::date, 'Jan-5-2024'::date, '5-Jan-2024'::date, '2024-January-5'::date",
            "2024-01-05|2024-01-05|2024-01-05|2024-01-05",
        ),
        (
            "select '01/05/2024 10:11'::timestamp, '1/5/2024 10:11 PM'::timestamp",
            "2024-01-05 10:11:00|2024-01-05 22:11:00",
        ),
        ("select '2024-W01'::date", "22007"),
        ("select '2024-01-05T'::date", "22007"),
        (
            "select '2024-01-05 '::date, ' 2024-01-05'::date",
            "2024-01-05|2024-01-05",
        ),
        ("select '0001-01-01'::date, '0000-01-01'::date", "22008"),
        ("select '1-1-1'::date", "2001-01-01"),
        ("select '-2024-01-05'::date", "22009"),
        ("select 't'::date", "22007"),
        ("select '12'::date", "22007"),
        ("select '2024'::date", "22007"),
        ("select '1 2 3'::date", "2003-01-02"),
        ("select '1 2 2003'::date", "2003-01-02"),
        ("select 'Jan 32 2024'::date", "22008"),
        ("select 'January 5th 2024'::date", "22007"),
        ("select '10:11:12 2024-01-05'::timestamp", "22007"),
        (
            "select '2024-01-05 10:11:12.123456789'::timestamp",
            "2024-01-05 10:11:12.123457",
        ),
        ("select '2024-01-05 10h'::timestamp", "22007"),
        (
            "select '2024-01-05 1:2:3'::timestamp",
            "2024-01-05 01:02:03",
        ),
        (
            "select '2024-01-05 10:11:12+15:59:59'::timestamptz",
            "2024-01-04 18:11:13+00",
        ),
        ("select '2024-01-05 10:11:12+16'::timestamptz", "22009"),
        (
            "select '2024-01-05 10:11:12 +00:00:01'::timestamptz",
            "2024-01-05 10:11:11+00",
        ),
    ]);
}
#[test]
fn fields_are_told_by_what_came_before() {
    on_empty(&[
        (
            "select '9:10:11.5 PM +02'::time, '2024-01-05 04:05:06.789 PM Europe/Berlin'::timestamptz",
            "21:10:11.5|2024-01-05 15:05:06.789+00",
        ),
        (
            "select 'Jan 5, 2024 at 4:05 pm'::timestamp",
            "2024-01-05 16:05:00",
        ),
        (
            "select '2024-01-05T04:05'::timestamp, '2024-01-05t04:05:06.5'::timestamp, '2024.01.05 10:11'::timestamp",
            "2024-01-05 04:05:00|2024-01-05 04:05:06.5|2024-01-05 10:11:00",
        ),
        ("select '1999 jan 5'::date, '99 jan 5'::date", "22007"),
        (
            "select 'jan 5 99'::date, '5-jan-99'::date, 'jan-5-99'::date",
            "1999-01-05|1999-01-05|1999-01-05",
        ),
        (
            "select '20240105T040506-08'::timestamptz, '20240105 040506-08'::timestamptz, '20240105T0405+05:30'::timestamptz",
            "2024-01-05 12:05:06+00|2024-01-05 12:05:06+00|2024-01-04 22:35:00+00",
        ),
        (
            "select '04:05.5'::time, '040506.789'::time, '04:05:06 UTC'::time, '04:05 Europe/Berlin'::time",
            "22007",
        ),
        (
            "select '2024-01-05 12:00 am'::timestamp, '2024-01-05 13:00 am'::timestamp",
            "22008",
        ),
        ("select '2024-01-05 04:05:06 foo bar'::timestamp", "22007"),
        (
            "select '2024-01-05 04:05 +1'::timestamptz, '2024-01-05 04:05 -1:30'::timestamptz, '2024-01-05 04:05 +0130'::timestamptz",
            "2024-01-05 03:05:00+00|2024-01-05 05:35:00+00|2024-01-05 02:35:00+00",
        ),
        (
            "select '2024-01-05 04:05 nst'::timestamptz, '2024-01-05 04:05 ist'::timestamptz, '2024-01-05 04:05 cest'::timestamptz, '2024-01-05 04:05 edt'::timestamptz",
            "2024-01-05 07:35:00+00|2024-01-05 02:05:00+00|2024-01-05 02:05:00+00|2024-01-05 08:05:00+00",
        ),
        (
            "select 'J2451187 04:05'::timestamp, '2024.060'::date, '2024-060'::date",
            "1999-01-08 04:05:00|2024-02-29|2024-02-29",
        ),
        ("select '5/1'::date", "22007"),
        ("select '1/5/2024 1/6/2024'::date", "22007"),
        ("select 'monday'::date", "22007"),
        ("select '2024-01-05 monday'::date", "2024-01-05"),
        ("select '2024-1'::date", "22007"),
        ("select '0/5/2024'::date", "22008"),
        ("select '2024-00-05'::date", "22008"),
        ("select '1/32/2024'::date", "22008"),
        ("select '2/30/2024'::date", "22008"),
        ("select '00-01-05'::date", "22008"),
        (
            "select '1/5/00'::date, '1/5/0024'::date",
            "2000-01-05|0024-01-05",
        ),
        (
            "select 'Jan 5 2024 AD'::date, 'AD 2024-01-05'::date",
            "22007",
        ),
        (
            "select '12:34:56 Jan 5 2024 PST'::timestamptz",
            "2024-01-05 20:34:56+00",
        ),
        (
            "select '2024-01-05,10:11'::timestamp, '(2024-01-05)'::date",
            "2024-01-05 10:11:00|2024-01-05",
        ),
        ("select '2024--01-05'::date", "2024-01-05"),
        ("select '2024-01-05 10:11:12,5'::timestamp", "22007"),
        ("select 'Feb 29 2023'::date", "22008"),
        ("select '1.5.2024 10:11'::timestamp", "2024-01-05 10:11:00"),
        ("select '2024-01-05 10:61'::timestamp", "22008"),
        ("select '10:61'::time", "22008"),
        ("select '24:00:01'::time", "22008"),
        ("select '2024-01-05 24:00:01'::timestamp", "22008"),
        ("select '2024-01-05 10:11 PST EST'::timestamptz", "22007"),
        ("select 'now 10:11'::timestamp", "22007"),
        ("select 'x today'::date", "22007"),
        ("select 'today tomorrow'::date", "22007"),
        ("select '123'::time", "22007"),
        ("select '12345'::time", "22007"),
        ("select '1234'::time", "12:34:00"),
        ("select '12'::time", "22007"),
        ("select '2024-01-05 1011'::timestamp", "2024-01-05 10:11:00"),
        (
            "select '2024-01-05 101112'::timestamp, '2024-01-05 101112.5'::timestamp",
            "2024-01-05 10:11:12|2024-01-05 10:11:12.5",
        ),
        ("select '20240105.5'::timestamp", "22007"),
        (
            "select date 'Jan 5 2024' + 1, timestamp '5 Jan 2024 10:00' + interval '1h'",
            "2024-01-06|2024-01-05 11:00:00",
        ),
        (
            "select make_date(2024,1,5) = '1/5/24', '2024-01-05'::date in ('Jan 5 2024')",
            "t|t",
        ),
        ("create table d(a date, t timestamptz, h time)", ""),
        (
            "insert into d values ('Jan 5, 2024', '5 January 2024 4 PM', '4:05 PM')",
            "22007",
        ),
        (
            "insert into d values ('Jan 5, 2024', '5 January 2024 4:05 PM EST', '4:05 PM')",
            "",
        ),
        (
            "select * from d",
            "2024-01-05|2024-01-05 21:05:00+00|16:05:00",
        ),
    ]);
}
