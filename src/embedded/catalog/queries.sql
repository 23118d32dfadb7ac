-- pg_sequences
SELECT n.nspname, c.relname, pg_get_userbyid(c.relowner), s.seqtypid, s.seqstart, s.seqmin, s.seqmax, s.seqincrement,
  s.seqcycle, s.seqcache, (SELECT st.last FROM pg_catalog.pgtls_sequence_state st WHERE st.name = c.relname AND st.called)
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
-- pg_authid
SELECT oid, rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls,
  rolconnlimit, NULL::text, rolvaliduntil FROM pg_roles
-- pg_shadow
SELECT rolname, oid, rolcreatedb, rolsuper, rolreplication, rolbypassrls, NULL::text, rolvaliduntil, rolconfig
FROM pg_roles WHERE rolcanlogin
-- pg_available_extensions
SELECT extname, extversion, extversion, NULL::text FROM pg_extension
-- pg_available_extension_versions
SELECT extname, extversion, true, extname <> 'plpgsql', false, extrelocatable, NULL::name, NULL::name[], NULL::text
FROM pg_extension
-- pg_opfamily
SELECT DISTINCT opcfamily, opcmethod, CASE WHEN opcfamily = 1976 THEN 'integer_ops' WHEN opcfamily = 1970 THEN 'float_ops'
  WHEN opcfamily = 434 THEN 'datetime_ops' WHEN opcfamily = 1994 THEN 'text_ops' ELSE opcname END, opcnamespace, opcowner
FROM pg_opclass WHERE opcdefault OR opcfamily IN (2095, 2097) AND opcname <> 'varchar_pattern_ops'
-- pg_stat_all_tables
SELECT c.oid, n.nspname, c.relname, NULL::int8, NULL::int8, NULL::int8, NULL::int8, NULL::int8, NULL::int8, NULL::int8,
  NULL::int8, NULL::int8, NULL::int8, NULL::int8, NULL::int8, NULL::timestamptz, NULL::timestamptz, NULL::timestamptz,
  NULL::timestamptz, 0::int8, 0::int8, 0::int8, 0::int8
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'
-- pg_stat_user_tables
SELECT * FROM pg_stat_all_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
-- pg_stat_sys_tables
SELECT * FROM pg_stat_all_tables WHERE schemaname IN ('pg_catalog', 'information_schema')
-- pg_stat_all_indexes
SELECT c.oid, i.oid, n.nspname, c.relname, i.relname, NULL::int8, NULL::int8, NULL::int8
FROM pg_class c JOIN pg_index x ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
-- pg_stat_user_indexes
SELECT * FROM pg_stat_all_indexes WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
-- pg_stat_sys_indexes
SELECT * FROM pg_stat_all_indexes WHERE schemaname IN ('pg_catalog', 'information_schema')
-- pg_statio_all_tables
SELECT c.oid, n.nspname, c.relname, NULL::int8, NULL::int8, NULL::int8, NULL::int8, NULL::int8, NULL::int8, NULL::int8,
  NULL::int8 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'
-- pg_statio_user_tables
SELECT * FROM pg_statio_all_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
-- pg_statio_all_indexes
SELECT relid, indexrelid, schemaname, relname, indexrelname, NULL::int8, NULL::int8 FROM pg_stat_all_indexes
-- pg_statio_user_indexes
SELECT relid, indexrelid, schemaname, relname, indexrelname, NULL::int8, NULL::int8 FROM pg_stat_user_indexes
-- pg_statio_all_sequences
SELECT c.oid, n.nspname, c.relname, NULL::int8, NULL::int8
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'S'
-- pg_statio_user_sequences
SELECT * FROM pg_statio_all_sequences
-- pg_stat_database
SELECT oid, datname, (SELECT count(*)::int FROM pg_stat_activity a WHERE a.datid = d.oid), NULL::int8, NULL::int8, NULL::int8, NULL::int8, NULL::int8, NULL::int8,
  NULL::int8, NULL::int8, NULL::int8, NULL::int8, NULL::int8, NULL::int8, NULL::int8, NULL::int8, NULL::timestamptz,
  NULL::float8, NULL::float8, NULL::float8, NULL::float8, NULL::float8, NULL::int8, NULL::int8, NULL::int8, NULL::int8,
  NULL::timestamptz FROM pg_database d
-- information_schema.information_schema_catalog_name
SELECT current_database()
-- information_schema.referential_constraints
SELECT current_database(), 'public', c.conname, current_database(), CASE WHEN u.conname IS NULL THEN NULL ELSE 'public' END,
  u.conname, 'NONE', CASE c.confupdtype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT'
  WHEN 'r' THEN 'RESTRICT' ELSE 'NO ACTION' END, CASE c.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL'
  WHEN 'd' THEN 'SET DEFAULT' WHEN 'r' THEN 'RESTRICT' ELSE 'NO ACTION' END
FROM pg_constraint c LEFT JOIN pg_constraint u ON u.conindid = c.conindid AND u.contype IN ('p', 'u')
WHERE c.contype = 'f'
-- information_schema.check_constraints
SELECT current_database(), 'public', c.conname, substring(pg_get_constraintdef(c.oid), 7) FROM pg_constraint c WHERE c.contype = 'c'
-- information_schema.constraint_table_usage
SELECT current_database(), 'public', t.relname, current_database(), 'public', c.conname
FROM pg_constraint c JOIN pg_class t ON t.oid = CASE c.contype WHEN 'f' THEN c.confrelid ELSE c.conrelid END
WHERE c.contype IN ('f', 'p', 'u')
-- information_schema.table_privileges
SELECT r.rolname, r.rolname, current_database(), n.nspname, c.relname, p.p, 'YES',
  CASE p.p WHEN 'SELECT' THEN 'YES' ELSE 'NO' END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner,
  (VALUES ('INSERT'), ('SELECT'), ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('REFERENCES'), ('TRIGGER')) AS p(p)
WHERE c.relkind IN ('r', 'v')
-- information_schema.role_table_grants
SELECT grantor, grantee, table_catalog, table_schema, table_name, privilege_type, is_grantable, with_hierarchy
FROM information_schema.table_privileges
-- information_schema.column_privileges
SELECT r.rolname, r.rolname, current_database(), n.nspname, c.relname, a.attname, p.p, 'YES'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner
JOIN pg_attribute a ON a.attrelid = c.oid,
  (VALUES ('INSERT'), ('SELECT'), ('UPDATE'), ('REFERENCES')) AS p(p)
WHERE c.relkind IN ('r', 'v') AND a.attnum > 0
-- information_schema.role_column_grants
SELECT grantor, grantee, table_catalog, table_schema, table_name, column_name, privilege_type, is_grantable
FROM information_schema.column_privileges
-- information_schema.enabled_roles
SELECT rolname FROM pg_roles
-- information_schema.applicable_roles
SELECT m.rolname, r.rolname, 'NO' FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member JOIN pg_roles r ON r.oid = a.roleid
-- information_schema.element_types
SELECT current_database(), n.nspname, c.relname, CASE c.relkind WHEN 'v' THEN 'TABLE' ELSE 'TABLE' END, a.attnum::text,
  format_type(e.oid, NULL), NULL::int, NULL::int, NULL::name, NULL::name, NULL::name, NULL::name, NULL::name, NULL::name,
  NULL::int, NULL::int, NULL::int, NULL::int, NULL::varchar, NULL::int, NULL::varchar, current_database(), ne.nspname,
  e.typname, NULL::name, NULL::name, NULL::name, NULL::int, 'a' || a.attnum::text
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid JOIN pg_type e ON e.oid = t.typelem JOIN pg_namespace ne ON ne.oid = e.typnamespace
WHERE t.typcategory = 'A' AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND n.nspname = 'public'
-- information_schema.column_udt_usage
SELECT current_database(), nt.nspname, t.typname, current_database(), n.nspname, c.relname, a.attname
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid JOIN pg_namespace nt ON nt.oid = t.typnamespace
WHERE c.relkind IN ('r', 'v') AND a.attnum > 0
-- information_schema.character_sets
SELECT NULL::name, NULL::name, 'UTF8', 'UCS', 'UTF8', current_database(), 'pg_catalog', 'C'
-- information_schema.collations
SELECT current_database(), 'pg_catalog', collname, 'NO PAD' FROM pg_collation
