//! SQL through the database's own client: its command line, made without a shell.

use std::collections::BTreeMap;

use crate::instance::ask::SqlClient;

/// A client's command line and what goes into its environment.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) command: Vec<String>,
    /// The same under the name that newer images have; for when the first is not there.
    pub(super) otherwise: Option<Vec<String>>,
    pub(super) password: Option<Password>,
}

/// Where the password is, which the client is given in its environment.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Password {
    Value(String),
    /// A file in the container, as images take it for Docker's secrets.
    File(String),
}

/// The query cannot be asked: for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unaskable(pub(super) String);

/// Makes the call of a client. What the overlay leaves out is taken from the environment that the database's image
/// was given.
pub(super) fn call(
    client: SqlClient,
    user: Option<&str>,
    database: Option<&str>,
    query: &str,
    env: &BTreeMap<String, String>,
) -> Result<Call, Unaskable> {
    let of = |names: &[&str]| names.iter().find_map(|n| env.get(*n).filter(|v| !v.is_empty()).cloned());
    let given = |text: Option<&str>| text.map(str::to_owned);
    match client {
        SqlClient::Psql => {
            let user = given(user).or_else(|| of(&["POSTGRES_USER"])).unwrap_or_else(|| "postgres".into());
            let database = given(database).or_else(|| of(&["POSTGRES_DB"])).unwrap_or_else(|| user.clone());
            // No start-up file, bare rows, NULL spelt out, and the first error ends it with a code.
            let flags = ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-P", "null=NULL"];
            let mut command = words("psql", &flags);
            command.extend(["-U".into(), user, "-d".into(), database, "-c".into(), query.into()]);
            let password = of(&["POSTGRES_PASSWORD"]).map(Password::Value);
            let password = password.or_else(|| of(&["POSTGRES_PASSWORD_FILE"]).map(Password::File));
            Ok(Call { command, otherwise: None, password })
        }
        SqlClient::Mysql => {
            let asked = given(user).or_else(|| of(&["MYSQL_USER", "MARIADB_USER"]));
            let is_root = asked.as_deref().is_none_or(|user| user == "root");
            let (plain, files): (&[&str], &[&str]) = if is_root {
                (
                    &["MYSQL_ROOT_PASSWORD", "MARIADB_ROOT_PASSWORD"],
                    &["MYSQL_ROOT_PASSWORD_FILE", "MARIADB_ROOT_PASSWORD_FILE"],
                )
            } else {
                (&["MYSQL_PASSWORD", "MARIADB_PASSWORD"], &["MYSQL_PASSWORD_FILE", "MARIADB_PASSWORD_FILE"])
            };
            let password = of(plain).map(Password::Value).or_else(|| of(files).map(Password::File));
            let database = given(database).or_else(|| of(&["MYSQL_DATABASE", "MARIADB_DATABASE"]));
            let rest = |program: &str| {
                let mut command = words(program, &["--no-defaults", "--batch", "--skip-column-names"]);
                command.extend(["-u".into(), asked.clone().unwrap_or_else(|| "root".into())]);
                command.extend(["-e".into(), query.to_owned()]);
                command.extend(database.clone());
                command
            };
            Ok(Call { command: rest("mysql"), otherwise: Some(rest("mariadb")), password })
        }
        SqlClient::Sqlite => {
            let Some(database) = database.filter(|d| !d.is_empty()) else {
                return Err(Unaskable(
                    "sqlite needs `database`: the path of its file in the container".into(),
                ));
            };
            // The app may hold a lock for a moment.
            let flags = ["-batch", "-bail", "-noheader", "-nullvalue", "NULL", "-cmd", ".timeout 5000"];
            let mut command = words("sqlite3", &flags);
            command.extend([database.to_owned(), query.to_owned()]);
            Ok(Call { command, otherwise: None, password: None })
        }
    }
}

impl SqlClient {
    /// Returns the variable in which the client looks for a password.
    pub(super) fn password_variable(self) -> &'static str {
        match self {
            Self::Psql => "PGPASSWORD",
            Self::Mysql | Self::Sqlite => "MYSQL_PWD",
        }
    }
}

fn words(program: &str, flags: &[&str]) -> Vec<String> {
    std::iter::once(program).chain(flags.iter().copied()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(client: SqlClient, user: Option<&str>, database: Option<&str>, env: &[(&str, &str)]) -> String {
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        match call(client, user, database, "SELECT 'a b'; -- $x", &env) {
            Err(Unaskable(says)) => says,
            Ok(call) => {
                let password = match call.password {
                    None => String::new(),
                    Some(Password::Value(value)) => format!(" ({value})"),
                    Some(Password::File(file)) => format!(" (<{file})"),
                };
                format!("{}{password}", call.command.join(" | "))
            }
        }
    }

    #[test]
    fn the_client_is_called_as_the_image_was_set_up_and_the_query_is_one_argument() {
        let pg = [("POSTGRES_USER", "kinto"), ("POSTGRES_PASSWORD_FILE", "/run/secrets/db")];
        let my = [("MARIADB_USER", "app"), ("MARIADB_PASSWORD", "pw"), ("MYSQL_DATABASE", "wp")];
        let told = [
            line(SqlClient::Psql, None, None, &pg),
            line(SqlClient::Psql, Some("a"), Some("b"), &[]),
            line(SqlClient::Mysql, None, None, &my),
            line(SqlClient::Mysql, Some("root"), None, &[("MYSQL_ROOT_PASSWORD_FILE", "/r")]),
            line(SqlClient::Sqlite, None, Some("/data/a.db"), &[]),
            line(SqlClient::Sqlite, None, None, &[]),
        ];
        insta::assert_snapshot!(told.join("\n"), @"
        psql | -X | -A | -t | -q | -v | ON_ERROR_STOP=1 | -P | null=NULL | -U | kinto | -d | kinto | -c | SELECT 'a b'; -- $x (</run/secrets/db)
        psql | -X | -A | -t | -q | -v | ON_ERROR_STOP=1 | -P | null=NULL | -U | a | -d | b | -c | SELECT 'a b'; -- $x
        mysql | --no-defaults | --batch | --skip-column-names | -u | app | -e | SELECT 'a b'; -- $x | wp (pw)
        mysql | --no-defaults | --batch | --skip-column-names | -u | root | -e | SELECT 'a b'; -- $x (</r)
        sqlite3 | -batch | -bail | -noheader | -nullvalue | NULL | -cmd | .timeout 5000 | /data/a.db | SELECT 'a b'; -- $x
        sqlite needs `database`: the path of its file in the container
        ");
    }
}
