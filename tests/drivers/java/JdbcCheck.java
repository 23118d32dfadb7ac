// pgJDBC: extended protocol, named statements from the fifth execution on, cursors, COPY, cancel.
import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.*;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.*;
import org.postgresql.PGConnection;

public class JdbcCheck {
    static final Map<String, String> ENV = System.getenv();
    static int passed = 0;

    interface Run { void run() throws Exception; }

    static void check(boolean holds, Object what) {
        if (!holds) throw new AssertionError(String.valueOf(what));
    }

    static void fails(String sqlState, Run run) throws Exception {
        try {
            run.run();
        } catch (SQLException e) {
            check(sqlState.equals(e.getSQLState()), sqlState + " expected: " + e.getSQLState() + " " + e);
            passed++;
            return;
        }
        throw new AssertionError(sqlState + " expected");
    }

    static Connection connect(String... options) throws SQLException {
        Properties p = new Properties();
        p.setProperty("user", ENV.get("PGTLS_USER"));
        p.setProperty("password", ENV.get("PGTLS_PASSWORD"));
        p.setProperty("sslmode", "verify-full");
        p.setProperty("sslrootcert", ENV.get("PGTLS_CA"));
        p.setProperty("connectTimeout", "20");
        for (int i = 0; i < options.length; i += 2) p.setProperty(options[i], options[i + 1]);
        return DriverManager.getConnection("jdbc:postgresql://localhost:" + ENV.get("PGTLS_PORT") + "/heliosdb", p);
    }

    static void login(String method) throws Exception {
        if (method.equals("cert")) {
            String[] with = {"sslcert", ENV.get("PGTLS_CERT"), "sslkey", ENV.get("PGTLS_KEY_PK8")};
            connect(with).close();
            passed++;
            fails("28000", () -> connect("user", "mallory", with[0], with[1], with[2], with[3]));
            fails("28000", () -> connect());
            return;
        }
        connect().close();
        passed++;
        fails("28P01", () -> connect("password", "wrong"));
    }

    static void work() throws Exception {
        Connection c = connect();
        Statement s = c.createStatement();
        s.execute("drop table if exists jdbc_t");
        s.execute("create table jdbc_t (id serial primary key, n int not null, big bigint, f double precision, txt text,"
                + " flag boolean, bin bytea, num numeric(22,2), day date, at timestamp, u uuid)");
        String text = "Grüße, 'Welt' \\ 🐘";
        byte[] bytes = new byte[256];
        for (int i = 0; i < 256; i++) bytes[i] = (byte) i;
        UUID uuid = UUID.fromString("12345678-1234-5678-1234-567812345678");
        BigDecimal num = new BigDecimal("12345678901234567890.12");
        LocalDateTime at = LocalDateTime.of(2024, 2, 29, 13, 14, 15, 123_456_000);
        try (PreparedStatement p = c.prepareStatement("insert into jdbc_t (n, big, f, txt, flag, bin, num, day, at, u)"
                + " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", Statement.RETURN_GENERATED_KEYS)) {
            p.setInt(1, -7);
            p.setLong(2, 9007199254740993L);
            p.setDouble(3, 2.5);
            p.setString(4, text);
            p.setBoolean(5, true);
            p.setBytes(6, bytes);
            p.setBigDecimal(7, num);
            p.setObject(8, LocalDate.of(2024, 2, 29));
            p.setObject(9, at);
            p.setObject(10, uuid);
            check(p.executeUpdate() == 1, "insert");
            ResultSet keys = p.getGeneratedKeys();
            check(keys.next() && keys.getInt("id") == 1, "generated key");
        }
        // From the fifth execution on the statement is named and results are binary.
        try (PreparedStatement p = c.prepareStatement("select * from jdbc_t where id = ?")) {
            for (int i = 0; i < 10; i++) {
                p.setInt(1, 1);
                ResultSet r = p.executeQuery();
                check(r.next(), "a row");
                check(r.getInt("n") == -7 && r.getLong("big") == 9007199254740993L && r.getDouble("f") == 2.5, "numbers");
                check(text.equals(r.getString("txt")) && r.getBoolean("flag"), r.getString("txt"));
                check(Arrays.equals(bytes, r.getBytes("bin")), "bytea");
                check(num.equals(r.getBigDecimal("num")), r.getBigDecimal("num"));
                check(LocalDate.of(2024, 2, 29).equals(r.getObject("day", LocalDate.class)), r.getString("day"));
                check(at.equals(r.getObject("at", LocalDateTime.class)), r.getString("at"));
                check(uuid.equals(r.getObject("u")), r.getObject("u"));
            }
        }
        try (PreparedStatement p = c.prepareStatement("insert into jdbc_t (n, txt, bin) values (?, ?, ?)")) {
            p.setInt(1, 1);
            p.setNull(2, Types.VARCHAR);
            p.setNull(3, Types.BINARY);
            p.executeUpdate();
        }
        ResultSet nulls = s.executeQuery("select txt, bin, big from jdbc_t where n = 1");
        check(nulls.next() && nulls.getString(1) == null && nulls.getBytes(2) == null && nulls.getObject(3) == null, "NULL");
        passed++;

        fails("42P01", () -> s.executeQuery("select * from nope"));
        fails("42703", () -> s.executeQuery("select nope from jdbc_t"));
        fails("23505", () -> s.execute("insert into jdbc_t (id, n) values (1, 1)"));
        c.setAutoCommit(false);
        s.execute("delete from jdbc_t");
        c.rollback();
        fails("42P01", () -> s.executeQuery("select * from nope"));
        fails("25P02", () -> s.executeQuery("select 1"));
        c.rollback();
        ResultSet n = s.executeQuery("select count(*) from jdbc_t");
        check(n.next() && n.getInt(1) == 2, "rolled back");
        Savepoint savepoint = c.setSavepoint();
        s.execute("delete from jdbc_t");
        c.rollback(savepoint);
        c.commit();
        passed++;

        try (PreparedStatement p = c.prepareStatement("insert into jdbc_t (n, txt) values (?, ?)")) {
            for (int i = 0; i < 500; i++) {
                p.setInt(1, i);
                p.setString(2, "batch");
                p.addBatch();
            }
            check(Arrays.stream(p.executeBatch()).sum() == 500, "batch");
        }
        c.commit();
        // Rows come in portions of 1 000 through a portal that outlives each Sync.
        try (PreparedStatement p = c.prepareStatement("select n, 'row ' || n from generate_series(1, 100000) as n")) {
            p.setFetchSize(1000);
            ResultSet r = p.executeQuery();
            int rows = 0;
            while (r.next()) check(r.getString(2).equals("row " + ++rows), rows);
            check(rows == 100_000, rows);
        }
        c.commit();
        c.setAutoCommit(true);
        passed++;

        Thread canceller = new Thread(() -> {
            try {
                Thread.sleep(300);
                s.cancel();
            } catch (Exception e) {
                e.printStackTrace();
            }
        });
        canceller.start();
        fails("57014", () -> s.executeQuery("select pg_sleep(30)"));
        canceller.join();

        var copy = c.unwrap(PGConnection.class).getCopyAPI();
        check(copy.copyIn("copy jdbc_t (n, txt) from stdin with (format csv)", new StringReader("5,five\n6,\n")) == 2, "copy in");
        StringWriter out = new StringWriter();
        copy.copyOut("copy (select n, txt from jdbc_t where txt = 'five') to stdout with (format csv)", out);
        check(out.toString().equals("5,five\n"), out);
        passed++;

        DatabaseMetaData about = c.getMetaData();
        ResultSet tables = about.getTables(null, "public", "jdbc_t", new String[] {"TABLE"});
        check(tables.next() && "jdbc_t".equals(tables.getString("TABLE_NAME")), "getTables");
        ResultSet columns = about.getColumns(null, "public", "jdbc_t", null);
        List<String> names = new ArrayList<>();
        while (columns.next()) names.add(columns.getString("COLUMN_NAME"));
        check(names.get(0).equals("id") && names.size() == 11, names);
        passed++;
        s.execute("drop table jdbc_t");
        metadata(c);
        c.close();
    }

    /** What `rows` has in these columns, a row after the other. */
    static String all(ResultSet rows, String... columns) throws SQLException {
        List<String> found = new ArrayList<>();
        while (rows.next()) {
            List<String> values = new ArrayList<>();
            for (String column : columns) values.add(rows.getString(column));
            found.add(String.join(" ", values));
        }
        return String.join(", ", found);
    }

    static void is(String want, String got) {
        check(want.equals(got), "expected: " + want + "; got: " + got);
    }

    /** DatabaseMetaData, and the facts that it is made of in errors. */
    static void metadata(Connection c) throws Exception {
        Statement s = c.createStatement();
        s.execute("drop view if exists jdbc_v");
        s.execute("drop table if exists jdbc_c, jdbc_p");
        s.execute("create table jdbc_p (id serial primary key, code varchar(20) not null unique, price numeric(10,2) default 1.5)");
        s.execute("create table jdbc_c (a int, b int, parent int references jdbc_p(id) on delete cascade, other text,"
                + " primary key (a, b))");
        s.execute("create index jdbc_c_other on jdbc_c (other, b)");
        s.execute("create view jdbc_v as select id, code from jdbc_p");
        s.execute("comment on table jdbc_p is 'parents'");
        s.execute("comment on column jdbc_p.code is 'the code'");
        DatabaseMetaData about = c.getMetaData();
        is("jdbc_c TABLE, jdbc_p TABLE, jdbc_v VIEW",
                all(about.getTables(null, "public", "jdbc\\_%", new String[] {"TABLE", "VIEW"}), "TABLE_NAME", "TABLE_TYPE")
                        .replaceAll("(.*VIEW), (.*)", "$2, $1"));
        is("id int4 10 0 0, code varchar 20 0 0, price numeric 10 2 1",
                all(about.getColumns(null, "public", "jdbc_p", null), "COLUMN_NAME", "TYPE_NAME", "COLUMN_SIZE", "DECIMAL_DIGITS", "NULLABLE")
                        .replace("serial", "int4"));
        is("parents", all(about.getTables(null, "public", "jdbc_p", null), "REMARKS"));
        is("the code", all(about.getColumns(null, "public", "jdbc_p", "code"), "REMARKS"));
        is("a 1 jdbc_c_pkey, b 2 jdbc_c_pkey",
                all(about.getPrimaryKeys(null, "public", "jdbc_c"), "COLUMN_NAME", "KEY_SEQ", "PK_NAME"));
        is("f jdbc_c_pkey a, f jdbc_c_pkey b, t jdbc_c_other other, t jdbc_c_other b",
                all(about.getIndexInfo(null, "public", "jdbc_c", false, true), "NON_UNIQUE", "INDEX_NAME", "COLUMN_NAME"));
        String keys = "jdbc_p id jdbc_c parent 1 jdbc_c_parent_fkey jdbc_p_pkey " + DatabaseMetaData.importedKeyCascade;
        String[] columns = {"PKTABLE_NAME", "PKCOLUMN_NAME", "FKTABLE_NAME", "FKCOLUMN_NAME", "KEY_SEQ", "FK_NAME", "PK_NAME", "DELETE_RULE"};
        is(keys, all(about.getImportedKeys(null, "public", "jdbc_c"), columns));
        is(keys, all(about.getExportedKeys(null, "public", "jdbc_p"), columns));
        is(keys, all(about.getCrossReference(null, "public", "jdbc_p", null, "public", "jdbc_c"), columns));
        is("a, b", all(about.getBestRowIdentifier(null, "public", "jdbc_c", DatabaseMetaData.bestRowSession, false), "COLUMN_NAME"));
        check(all(about.getSchemas(), "TABLE_SCHEM").contains("public"), "getSchemas");
        check(all(about.getTypeInfo(), "TYPE_NAME").contains("timestamptz"), "getTypeInfo");
        passed++;

        // Rows that are changed where they stand need the primary key.
        Statement changing = c.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE);
        s.execute("insert into jdbc_p (code) values ('one'), ('two')");
        ResultSet rows = changing.executeQuery("select * from jdbc_p order by id");
        check(rows.absolute(2), "absolute");
        rows.updateString("code", "zwei");
        rows.updateRow();
        check(rows.first() && rows.getString("code").equals("one"), "first");
        is("one, zwei", all(s.executeQuery("select code from jdbc_p order by id"), "code"));
        passed++;

        try {
            s.execute("insert into jdbc_c values (1, 1, 99)");
            check(false, "a row without its parent got in");
        } catch (org.postgresql.util.PSQLException e) {
            var error = e.getServerErrorMessage();
            is("jdbc_c jdbc_c_parent_fkey", error.getTable() + " " + error.getConstraint());
            is("Key (parent)=(99) is not present in table \"jdbc_p\".", error.getDetail());
        }
        s.execute("drop view jdbc_v");
        s.execute("drop table jdbc_c, jdbc_p");
        passed++;
    }

    public static void main(String[] args) throws Exception {
        if (args[0].equals("login")) login(args[1]); else work();
        System.out.println("pgJDBC: " + passed + " passed, 0 failed");
    }
}
