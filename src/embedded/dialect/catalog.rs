//! Functions and casts that look into `pg_catalog`.

use postgres_types::Type;

use crate::embedded::catalog::FIRST_OID;
use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::{Fault, literal};

/// Type, table, number, name, and what is said when there is none.
type Object = (Type, &'static str, &'static str, &'static str, &'static str);
const OBJECTS: &[Object] = &[
    (Type::REGCLASS, "pg_class", "oid", "relname", "relation"),
    (Type::REGPROC, "pg_proc", "oid", "proname", "function"),
    (Type::REGPROCEDURE, "pg_proc", "oid", "proname", "function"),
    (
        Type::REGNAMESPACE,
        "pg_namespace",
        "oid",
        "nspname",
        "schema",
    ),
    (Type::REGROLE, "pg_roles", "oid", "rolname", "role"),
];

impl Translator<'_> {
    /// The number of the object that a text names.
    pub(super) fn object_in(&self, text: &str, kind: &Type) -> String {
        if *kind == Type::REGOPERATOR {
            return format!("pg_no_object('operator',{text})");
        }
        let Some(object) = OBJECTS.iter().find(|o| o.0 == *kind) else {
            return format!("pg_{}_in({text})", kind.name());
        };
        format!(
            "coalesce({},pg_no_object({},{text}))",
            self.find_object(text, object),
            literal(object.4)
        )
    }

    /// The same, or NULL.
    fn find_object(&self, text: &str, object: &Object) -> String {
        let (kind, table, oid, name, _) = object;
        self.schema.use_catalog();
        // Without a schema the system's is found first: its numbers are lower.
        let within = if *kind == Type::REGCLASS {
            format!(
                " AND CASE pg_object_schema({text}) WHEN '' THEN relnamespace<>13000 \
                 WHEN 'pg_catalog' THEN relnamespace=11 WHEN 'information_schema' THEN relnamespace=13000 \
                 ELSE oid>={FIRST_OID} END"
            )
        } else {
            String::new()
        };
        format!(
            "(SELECT {oid} FROM \"pg_catalog\".{table} WHERE {name}=pg_object_name({text}){within} \
             ORDER BY {oid} LIMIT 1)"
        )
    }

    /// The name of the object of a number.
    pub(super) fn object_out(&self, text: &str, kind: &Type) -> String {
        if *kind == Type::REGOPERATOR {
            // There are no operators of the user's, and the others have no numbers.
            return format!("CAST({text} AS TEXT)");
        }
        let Some((_, table, oid, name, _)) = OBJECTS.iter().find(|o| o.0 == *kind) else {
            return format!("pg_{}_out({text})", kind.name());
        };
        self.schema.use_catalog();
        let schema = match *kind {
            Type::REGCLASS => {
                format!("iif({oid}>={FIRST_OID} AND NOT pg_finds_public(),'public.','')||")
            }
            _ => String::new(),
        };
        format!(
            "coalesce((SELECT {schema}quote_ident({name}) FROM \"pg_catalog\".{table} WHERE {oid}={text}),\
             iif({text}=0,'-',CAST({text} AS TEXT)))"
        )
    }

    /// The comment on an object, or on a column of it.
    fn description(&mut self, name: &str, arguments: &[Sql]) -> Result<Option<Sql>, Fault> {
        let (sub, catalog) = match (name, arguments) {
            ("col_description", [_, column]) => {
                let column = self.implicit(column.clone(), &Type::INT4.into())?;
                (column.text, String::new())
            }
            ("obj_description", [_]) => ("0".into(), String::new()),
            ("obj_description", [_, catalog]) => {
                let catalog = self.settle_as(catalog.clone(), &Type::NAME)?;
                let classes = "SELECT oid FROM \"pg_catalog\".pg_class WHERE relnamespace=11";
                let text = catalog.text;
                (
                    "0".into(),
                    format!(" AND classoid=({classes} AND relname={text})"),
                )
            }
            _ => return Ok(None),
        };
        let Some(object) = arguments.first() else {
            return Ok(None);
        };
        self.schema.use_catalog();
        let object = self.implicit(object.clone(), &Type::OID.into())?.text;
        let text = format!(
            "(SELECT description FROM \"pg_catalog\".pg_description \
             WHERE objoid={object} AND objsubid={sub}{catalog} LIMIT 1)"
        );
        Ok(Some(Sql::new(text, Type::TEXT)))
    }

    /// `pg_get_indexdef` and the like, which are kept ready.
    pub(super) fn definition(
        &mut self,
        name: &str,
        arguments: &[Sql],
    ) -> Result<Option<Sql>, Fault> {
        let Some(object) = arguments.first() else {
            return Ok(None);
        };
        if let Some(sql) = self.size(name, arguments)? {
            return Ok(Some(sql));
        }
        match name {
            "pg_table_is_visible" => {
                self.schema.use_catalog();
                let object = self.implicit(object.clone(), &Type::OID.into())?.text;
                let text = format!(
                    "(SELECT relnamespace=11 OR relnamespace=2200 AND pg_finds_public() \
                     FROM \"pg_catalog\".pg_class WHERE oid={object})"
                );
                return Ok(Some(Sql::new(text, Type::BOOL)));
            }
            "pg_get_function_result" => {
                self.schema.use_catalog();
                let object = self.implicit(object.clone(), &Type::OID.into())?.text;
                let text = format!(
                    "(SELECT format_type(prorettype,NULL) FROM \"pg_catalog\".pg_proc WHERE oid={object})"
                );
                return Ok(Some(Sql::new(text, Type::TEXT)));
            }
            "pg_get_function_arguments" | "pg_get_function_identity_arguments" => {
                self.schema.use_catalog();
                let object = self.implicit(object.clone(), &Type::OID.into())?.text;
                let text = format!(
                    "(SELECT coalesce((SELECT group_concat(format_type(\"pgtls a\".value,NULL),', ') FROM \
                     json_each('['||replace(\"pgtls f\".proargtypes,' ',',')||']') \"pgtls a\"),'') \
                     FROM \"pg_catalog\".pg_proc \"pgtls f\" WHERE \"pgtls f\".oid={object})"
                );
                return Ok(Some(Sql::new(text, Type::TEXT)));
            }
            "pg_get_indexdef" | "pg_get_constraintdef" | "pg_get_viewdef" => {}
            "col_description" | "obj_description" => return self.description(name, arguments),
            "pg_get_serial_sequence" => {
                let [table, column] = arguments else {
                    return Ok(None);
                };
                let table = self.implicit(table.clone(), &Type::TEXT.into())?.text;
                let column = self.implicit(column.clone(), &Type::TEXT.into())?.text;
                self.schema.use_catalog();
                let text = format!(
                    "(SELECT 'public.'||quote_ident(s.relname) FROM \"pg_catalog\".pg_depend d \
                     JOIN \"pg_catalog\".pg_class s ON s.oid=d.objid AND s.relkind='S' \
                     JOIN \"pg_catalog\".pg_class t ON t.oid=d.refobjid \
                     JOIN \"pg_catalog\".pg_attribute a ON a.attrelid=t.oid AND a.attnum=d.refobjsubid \
                     WHERE t.relname=pg_object_name({table}) AND a.attname={column} LIMIT 1)"
                );
                return Ok(Some(Sql::new(text, Type::TEXT)));
            }
            "to_regtype" => {
                let text = self.implicit(object.clone(), &Type::TEXT.into())?.text;
                return Ok(Some(Sql::new(
                    format!("pg_to_regtype({text})"),
                    Type::REGTYPE,
                )));
            }
            _ if name.starts_with("to_reg") => {
                let wanted = name.trim_start_matches("to_");
                let Some(kind) = OBJECTS.iter().find(|o| o.0.name() == wanted) else {
                    return Ok(None);
                };
                let text = self.implicit(object.clone(), &Type::TEXT.into())?.text;
                let text = self.find_object(&text, kind);
                return Ok(Some(Sql::new(text, kind.0.clone())));
            }
            _ => return Ok(None),
        }
        self.schema.use_catalog();
        let object = self.implicit(object.clone(), &Type::OID.into())?.text;
        let whole = format!("(SELECT def FROM \"pg_catalog\".pgtls_definition WHERE oid={object})");
        let at = if name == "pg_get_indexdef" { 2 } else { 1 };
        let pretty = match arguments.get(at) {
            None => "0".into(),
            // How long a line may be.
            Some(width) if *width.kind() == Type::INT4 => "1".into(),
            Some(pretty) => self.implicit(pretty.clone(), &Type::BOOL.into())?.text,
        };
        let text = match (name, arguments.get(1)) {
            ("pg_get_indexdef", Some(column)) => {
                let column = self.implicit(column.clone(), &Type::INT4.into())?.text;
                format!(
                    "iif({column}=0,pg_index_by_path({whole},{pretty}),pg_get_expr((SELECT def FROM \
                     \"pg_catalog\".pgtls_index_column WHERE oid={object} AND n={column}),0,{pretty}))"
                )
            }
            ("pg_get_indexdef", None) => format!("pg_index_by_path({whole},0)"),
            _ => format!("pg_by_path({whole},{pretty})"),
        };
        Ok(Some(Sql::new(text, Type::TEXT)))
    }
}
