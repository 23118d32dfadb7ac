//! `char(n)` and its padding, compared with what PostgreSQL 15 answers.

use crate::common::sql::on_empty;

#[test]
fn padding_is_part_of_the_value_and_not_of_the_text() {
    on_empty(&[
        (
            "create table c(id int, c char(5), d char(3), v varchar(10), t text)",
            "",
        ),
        (
            "insert into c values (1,'ab','ab','ab','ab'),(2,'ab   ','x','ab  ','ab  '),(3,null,null,null,null),(4,'','',' ','')",
            "",
        ),
        (
            "select id, octet_length(c), length(c), char_length(c), bit_length(c) from c order by id",
            "1|5|2|2|16;2|5|2|2|16;3|∅|∅|∅|∅;4|5|0|0|0",
        ),
        (
            "select c||'x', c||d, d||v, t||c from c order by id",
            "abx|abab|abab|abab;abx|abx|xab  |ab  ab;∅|∅|∅|∅;x|| |",
        ),
        (
            "select concat(c,'x'), concat_ws(',',c,d), format('%s|%L|%I', c, c, c), quote_literal(c) from c where id<3 order by id",
            "ab   x|ab   ,ab |ab   |'ab   '|\"ab   \"|'ab';ab   x|ab   ,x  |ab   |'ab   '|\"ab   \"|'ab'",
        ),
        (
            "select to_json(c), to_jsonb(d), json_build_object(c,c), jsonb_build_array(c,d) from c where id=1",
            "\"ab   \"|\"ab \"|{\"ab   \" : \"ab   \"}|[\"ab   \", \"ab \"]",
        ),
        (
            "select row_to_json(c), json_object_agg(c.c, d) from c where id<3 group by c, id order by id",
            "42883",
        ),
        (
            "select array_agg(c.c), array_agg(d order by id), string_agg(c.c, ',' order by id), max(c.c), min(d) from c",
            "{\"ab   \",\"ab   \",NULL,\"     \"}|{\"ab \",\"x  \",NULL,\"   \"}|ab,ab,|ab   |   ",
        ),
        (
            "select c::text||'|', c::varchar||'|', c::varchar(3)||'|', c::bpchar, c::char(10), c::name, c::char(1) from c where id=1",
            "ab||ab||ab||ab   |ab        |ab|a",
        ),
        (
            "select c = 'ab', c='ab  ', c = 'ab'::text, c='ab  '::text, c=v, c=t, c=d from c order by id",
            "t|t|t|f|t|t|t;t|t|t|f|t|f|f;∅|∅|∅|∅|∅|∅|∅;f|f|f|f|t|t|t",
        ),
        (
            "select c like 'ab', c like 'ab%', c like 'ab   ', c ~ '^ab$', c ~ 'ab   $', c ilike 'AB', 'ab' like c, c similar to 'ab', c ~~ 'ab' from c where id=1",
            "f|t|t|f|t|f|t|f|f",
        ),
        (
            "select upper(c), reverse(c), left(c,4)||'|', right(c,4), substr(c,1,5)||'|', strpos(c,' '), replace(c,' ','_'), rpad(c,7,'_'), md5(c), starts_with(c,'ab ') from c where id=1",
            "AB|ba|ab||ab|ab||0|ab|ab_____|187ef4436122d1cc2f40dc2b92f0eba0|f",
        ),
        (
            "select coalesce(c,'zz'), coalesce(d,c), coalesce(c,t), coalesce(v,c), octet_length(coalesce(c,'zz')), octet_length(coalesce(v,c)) from c order by id",
            "ab   |ab |ab   |ab|5|2;ab   |x  |ab   |ab  |5|4;zz|∅|∅|∅|2|∅;     |   |     | |5|1",
        ),
        (
            "select case when id=1 then c else d end, nullif(c,'q'), greatest(c,d), least(c,d) from c order by id",
            "ab   |ab   |ab   |ab   ;x  |ab   |x  |ab   ;∅|∅|∅|∅;   |     |     |     ",
        ),
        (
            "select octet_length('ab   '::bpchar), length('ab   '::bpchar), 'ab   '::bpchar = 'ab', to_json('ab   '::bpchar), octet_length(123::char(5)), 'abc'::char, 'x'::char(3)||'y'",
            "5|2|t|\"ab   \"|5|a|xy",
        ),
        ("select distinct d from c order by d", "   ;ab ;x  ;∅"),
        (
            "select d, count(*) from c group by d order by d",
            "   |1;ab |1;x  |1;∅|1",
        ),
        (
            "select c from c union select d from c order by 1",
            "     ;ab   ;x  ;∅",
        ),
        (
            "select octet_length(c) from (select c from c union all select 'q') x order by 1",
            "1;5;5;5;∅",
        ),
        (
            "select array[c,d], c = any(array['ab']), c in ('ab','x'), array[c]::text[], array[c]::varchar[] from c where id=1",
            "{\"ab   \",\"ab \"}|t|t|{ab}|{ab}",
        ),
        ("create table u(c char(4) primary key, n int)", ""),
        ("insert into u values ('a',1)", ""),
        ("insert into u values ('a  ',1)", "23505"),
        (
            "insert into u values ('a  ',1) on conflict (c) do update set n=u.n+1 returning c, n, octet_length(c)",
            "a   |2|4",
        ),
        (
            "select u.n, c.id from u join c on u.c=left(c.c,1) where u.c='a ' order by id",
            "2|1;2|2",
        ),
        ("insert into u values ('abcde',1)", "22001"),
        ("insert into u values ('abcd   ',1)", ""),
        ("create table a(x char(3)[])", ""),
        (
            "insert into a values (array['a','bb']), ('{q,\"r  \"}')",
            "",
        ),
        (
            "select x, x[1], octet_length(x[1]), x::text, to_json(x), array_to_string(x,','), x = array['a','bb']::bpchar[], 'a'=any(x) from a",
            "{\"a  \",\"bb \"}|a  |3|{\"a  \",\"bb \"}|[\"a  \",\"bb \"]|a  ,bb |t|t;{\"q  \",\"r  \"}|q  |3|{\"q  \",\"r  \"}|[\"q  \",\"r  \"]|q  ,r  |f|f",
        ),
        ("create view vc as select c, d||'x' as e from c", ""),
        (
            "select c, e, octet_length(c) from vc",
            "ab   |abx|5;ab   |xx|5;∅|∅|∅;     |x|5",
        ),
        ("alter table c add column e char(4) default 'q'", ""),
        ("select e, octet_length(e) from c where id=1", "q   |4"),
        ("alter table c alter column v type char(12)", ""),
        (
            "select v, octet_length(v) from c order by id",
            "ab          |12;ab          |12;∅|∅;            |12",
        ),
        ("alter table c alter column v type text", ""),
        (
            "select v||'|', octet_length(v) from c order by id",
            "ab||2;ab||2;∅|∅;||0",
        ),
        (
            "update c set t = c, c = t||'z' where id=1 returning t||'|', c, octet_length(t)",
            "ab||abz  |2",
        ),
        (
            "select ('ab'||chr(1))::char(5) < 'ab'::char(5), ('ab'||chr(1))::char(5) < 'ab', ('ab'||chr(1))::text < 'ab'",
            "f|f|f",
        ),
        ("select count(distinct c), count(c) from c", "3|3"),
        (
            "select 'a '::bpchar like 'a', 'a '::bpchar like 'a ', 'a '::char(2) not like 'a', 'a'::char(3) similar to 'a  '",
            "f|t|t|t",
        ),
        (
            "select octet_length(x) from (values ('a'::char(3)), ('b')) v(x) where x in ('a ', 'b   ')",
            "3;1",
        ),
        (
            "select octet_length(c), c::bytea, convert_to(c,'UTF8') from c where id=2",
            "5|\\x6162202020|\\x6162",
        ),
        (
            "select octet_length((select c from c where id=2)), octet_length(lag(c) over (order by id)) from c order by 2",
            "5|5;5|5;5|∅;5|∅",
        ),
        (
            "create table k(c char(3) check (c in ('a','b')), v varchar(3), check (c <> v))",
            "",
        ),
        ("insert into k values ('a','b')", ""),
        ("insert into k values ('c','b')", "23514"),
        ("insert into k values ('b','b ')", "23514"),
        (
            "select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'k'::regclass order by conname desc",
            "CHECK ((c <> (v)::bpchar));CHECK ((c = ANY (ARRAY['a'::bpchar, 'b'::bpchar])))",
        ),
        ("create table f(c char(5) references u(c))", ""),
        ("insert into f values ('a')", ""),
        ("insert into f values ('zz')", "23503"),
        ("create index on c(c)", ""),
        ("select c from c where c > 'a' order by c", "ab   ;abz  "),
        (
            "select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = 'c'::regclass",
            "'q'::bpchar",
        ),
    ]);
}
#[test]
fn the_first_of_equal_values_is_kept() {
    on_empty(&[
        ("select 1.0 union select 1.00", "1.0"),
        ("select 1.00 union select 1.0 order by 1", "1.00"),
        (
            "select 1.0 union select 1.00 union all select 1.000 order by 1",
            "1.0;1.000",
        ),
        (
            "select x from (values (1.00),(1.0),(2.50),(2.5)) v(x) except select 3 order by 1",
            "1.00;2.50",
        ),
        ("select 1.0 intersect select 1.00", "1.0"),
        (
            "select distinct x from (values (1.00),(1.0),(2.50),(2.5)) v(x) order by x",
            "1.00;2.50",
        ),
        (
            "select x, count(*) from (values (1.00),(1.0),(2.5),(2.50)) v(x) group by x order by x",
            "1.00|2;2.5|2",
        ),
        (
            "select x from (values (2.50),(2.5)) a(x) union (select 1.0 union select 1.00) order by x desc",
            "2.50;1.0",
        ),
        ("select 'ab'::char(4) union select 'ab'::char(2)", "ab  "),
        (
            "with recursive r(n) as (select 1.0 union select n + 1 from r where n < 3) select * from r",
            "1.0;2.0;3.0",
        ),
        (
            "with recursive r(n) as (select 1.0 union select n * 1.0 from r) select * from r",
            "1.0",
        ),
    ]);
}
#[test]
fn one_byte_is_a_type_of_its_own() {
    on_empty(&[
        (
            "select 65::\"char\", 'a'::\"char\", 'abc'::\"char\", ''::\"char\", 'a'::\"char\"::int, '\\101'::\"char\", '\\101'::text::\"char\", '\\10'::\"char\", '\\\\'::\"char\", 0::\"char\" = ''",
            "A|a|a||97|A|A|\\|\\|t",
        ),
        ("select 128::\"char\"", "22003"),
        ("select 65::int8::\"char\"", "42846"),
        ("select 65::int2::\"char\"", "42846"),
        ("select true::\"char\"", "42846"),
        ("select 1.5::\"char\"", "42846"),
        ("select 'a'::\"char\"::bool", "42846"),
        ("select 'a'::\"char\"::int8", "42846"),
        (
            "select 'a'::\"char\" < 'b'::\"char\", 'a'::\"char\" = 'a', 'abc'::text::\"char\", 'a'::\"char\"::text, pg_typeof('a'::\"char\")",
            "t|t|a|a|\"char\"",
        ),
        (
            "select 'a'::\"char\" = 'a'::text, length('a'::\"char\"), octet_length('a'::\"char\"), 'a'::\"char\" in ('a','b'), 'a'::\"char\"::varchar, 'a'::\"char\"::bpchar, 'a'::\"char\"::char(3), 'ab'::char(3)::\"char\", 'x '::varchar(3)::\"char\"",
            "t|1|1|t|a|a|a  |a|x",
        ),
        (
            "select ascii('a'::\"char\"), upper('a'::\"char\"), to_json('a'::\"char\"), array['a'::\"char\", 'bc']",
            "97|A|\"a\"|{a,b}",
        ),
        ("create table ch(c \"char\", n int)", ""),
        ("insert into ch values ('x',1),('yz',2),(null,3),('',4)", ""),
        ("insert into ch values (65,3)", "42804"),
        ("insert into ch values (65::\"char\",5)", ""),
        ("insert into ch select 'text', 6", ""),
        ("insert into ch select n::text, 7 from ch where n = 2", ""),
        (
            "select c, c::int, c::text, c = 'x', (c::int + 1)::\"char\" from ch order by n",
            "x|120|x|t|y;y|121|y|f|z;∅|∅|∅|∅|∅;|0||f|;A|65|A|f|B;t|116|t|f|u;2|50|2|f|3",
        ),
        (
            "select * from ch order by c, n",
            "|4;2|7;A|5;t|6;x|1;y|2;∅|3",
        ),
        ("select count(*), c from ch group by c order by n", "42803"),
        ("update ch set c = 'q' where c = 'x' returning c", "q"),
        (
            "select n from ch where c = any (array['q','y']::\"char\"[]) order by n",
            "1;2",
        ),
        (
            "select relkind::int from pg_class where relname = 'ch'",
            "114",
        ),
    ]);
}
/// Beyond ASCII their order would be another.
#[test]
fn one_byte_is_a_character() {
    on_empty(&[
        ("select 'ä'::\"char\"", "0A000"),
        ("select '\\303'::\"char\"", "0A000"),
        ("select (-3)::\"char\"", "0A000"),
    ]);
}
