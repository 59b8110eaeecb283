//! Where the database is, as `simmer.toml` says it; a password in it is never printed (law 11).

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use regex::Regex;
use sqlx::any::AnyConnectOptions;
use sqlx::postgres::PgConnectOptions;

use crate::mask::Masker;

const MASK: &str = "********";

/// What may stand behind the `?` of a PostgreSQL address. The driver prints the value of a key that it does not know, so
/// that it must not see one.
const KEYS: [&str; 11] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
];

/// A database that can be opened. Its text form has no password in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file of the embedded SQLite.
    Sqlite(PathBuf),
    /// A server that several runners share.
    Postgres(Address),
}

/// The address of a PostgreSQL database: `postgres://user@host:5432/simmer`. Only its masked form can be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    url: String,
    masked: String,
}

/// A value of `database` that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{says}")]
pub struct BadDatabase {
    pub says: String,
    /// What to do about it.
    pub remedy: &'static str,
}

impl Database {
    /// Reads the setting: `sqlite` is the file `simmer.db` in the state folder, all else is the address of a PostgreSQL.
    pub fn parse(text: &str, state: &Path) -> Result<Self, BadDatabase> {
        let remedy = "write \"sqlite\" for a file in the state folder, or \"postgres://USER@HOST/DATABASE\"";
        match text {
            "sqlite" => Ok(Self::Sqlite(state.join("simmer.db"))),
            _ if text.starts_with("postgres://") || text.starts_with("postgresql://") => {
                Address::parse(text).map(Self::Postgres)
            }
            "" => Err(BadDatabase { says: "it is empty".into(), remedy }),
            _ => {
                let kind = match text.split_once(':') {
                    Some((kind, _)) => format!("a database of the kind `{kind}`"),
                    None => format!("`{text}`"),
                };
                Err(BadDatabase { says: format!("{kind} is not known"), remedy })
            }
        }
    }

    /// Returns the text without any password of the address that may be in it.
    pub(super) fn hide(&self, text: &str) -> String {
        match self {
            Self::Sqlite(_) => text.to_owned(),
            Self::Postgres(address) => address.hide(text),
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "{}", path.display()),
            Self::Postgres(address) => f.write_str(&address.masked),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.masked)
    }
}

impl Address {
    fn parse(text: &str) -> Result<Self, BadDatabase> {
        let remedy = "write it as \"postgres://USER@HOST:PORT/DATABASE\"; other signs in a part are \
                      percent-encoded; the password is better left to PGPASSWORD or ~/.pgpass";
        let bad = |says: String| BadDatabase { says, remedy };
        let any = AnyConnectOptions::from_str(text).map_err(|error| {
            bad(format!("the address cannot be read: {}", hide_passwords(&error.to_string())))
        })?;
        let url = &any.database_url;
        if let Some((key, _)) = url.query_pairs().find(|(key, _)| !KEYS.contains(&key.as_ref())) {
            let known =
                "sslmode, sslrootcert, sslcert, sslkey, host, hostaddr, port, dbname, user, application_name";
            return Err(bad(format!("`{key}` is no key of an address; known are {known}")));
        }
        let has = |key: &str| url.query_pairs().any(|(k, _)| k == key);
        if url.host_str().is_none_or(str::is_empty) && !has("host") && !has("hostaddr") {
            return Err(bad("the address names no host".into()));
        }
        if url.path().trim_matches('/').is_empty() && !has("dbname") {
            return Err(bad("the address names no database".into()));
        }
        let mut address = Self { url: text.to_owned(), masked: String::new() };
        PgConnectOptions::from_str(text).map_err(|error| {
            bad(format!("the address cannot be read: {}", address.hide(&error.to_string())))
        })?;
        let user = match (url.username(), url.password()) {
            ("", None) => String::new(),
            (user, None) => format!("{user}@"),
            (user, Some(_)) => format!("{user}:{MASK}@"),
        };
        let port = url.port().map_or(String::new(), |port| format!(":{port}"));
        let mut masked =
            format!("{}://{user}{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path());
        for (nth, (key, value)) in url.query_pairs().enumerate() {
            let value = if key == "password" { MASK } else { value.as_ref() };
            masked += &format!("{}{key}={value}", if nth == 0 { '?' } else { '&' });
        }
        address.masked = masked;
        Ok(address)
    }

    /// Returns the address with its password, for the driver alone.
    pub(super) fn with_password(&self) -> &str {
        &self.url
    }

    fn hide(&self, text: &str) -> String {
        let masker = Masker::default();
        masker.add(&self.url);
        if let Ok(any) = AnyConnectOptions::from_str(&self.url) {
            let url = &any.database_url;
            if let Some(password) = url.password() {
                masker.add(password);
                masker.add(&decoded(password));
            }
            for (_, value) in url.query_pairs().filter(|(key, _)| key == "password") {
                masker.add(&value);
            }
        }
        hide_passwords(&masker.mask(text))
    }
}

/// Takes `%40` and the like out of a text.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = (*first == b'%').then(|| after.get(..2)).flatten();
        let byte = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns the text with the password of every address in it blanked out: for texts that quote a config file.
pub(crate) fn hide_passwords(text: &str) -> String {
    let in_front = Regex::new(r#"(://[^\s"'/@:]*:)[^\s"']*@"#).expect("a constant");
    let behind = Regex::new(r#"([?&]password=)[^\s"'&]*"#).expect("a constant");
    let masked = format!("${{1}}{MASK}");
    let text = in_front.replace_all(text, format!("{masked}@"));
    behind.replace_all(&text, masked).into_owned()
}

/// Returns the address of an SQLite file as the driver reads it; the file is made if it is not there.
pub(super) fn sqlite_url(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    let mut url = String::from("sqlite://");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                url.push(char::from(*byte));
            }
            _ => url += &format!("%{byte:02X}"),
        }
    }
    url + "?mode=rwc"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        match Database::parse(text, Path::new("/state")) {
            Ok(database) => format!("{database} {database:?}"),
            Err(bad) => format!("refused: {bad}"),
        }
    }

    #[test]
    fn the_embedded_database_is_a_file_in_the_state_folder() {
        assert_eq!(parsed("sqlite"), "/state/simmer.db Sqlite(\"/state/simmer.db\")");
    }

    #[test]
    fn law_11_no_form_of_an_address_shows_its_password() {
        insta::assert_snapshot!(
            parsed("postgres://me:hunter2hunter2@db.test:5433/simmer?sslmode=require"),
            @r#"postgres://me:********@db.test:5433/simmer?sslmode=require Postgres("postgres://me:********@db.test:5433/simmer?sslmode=require")"#
        );
        insta::assert_snapshot!(
            parsed("postgresql:///simmer?host=/run/pg&user=me&password=hunter2hunter2"),
            @r#"postgresql:///simmer?host=/run/pg&user=me&password=******** Postgres("postgresql:///simmer?host=/run/pg&user=me&password=********")"#
        );
        for bad in [
            "postgres://me:hunter2hunter2@db.test:port/simmer",
            "postgres://me:hunter2hunter2@db.test/simmer?sslmode=hunter2hunter2",
            "postgres://me:hunter2hunter2@db.test/simmer?pasword=hunter2hunter2",
            "postgres://me:hunter2hunter2@db.test",
            "postgres://me:hunter2hunter2@/simmer",
            "mysql://me:hunter2hunter2@db.test/simmer",
        ] {
            let says = parsed(bad);
            assert!(says.starts_with("refused") && !says.contains("hunter2"), "{bad}: {says}");
        }
    }

    #[test]
    fn law_11_a_password_is_hidden_in_what_others_say_about_the_address() {
        let database =
            Database::parse("postgres://me:s3cr%40t%20word@db.test/simmer", Path::new("/state")).unwrap();
        assert_eq!(database.hide("no s3cr@t word, no s3cr%40t%20word"), "no ********, no ********");
        assert_eq!(
            hide_passwords("4 | databse = \"postgres://me:p@ss/x@db\""),
            "4 | databse = \"postgres://me:********@db\""
        );
    }

    #[test]
    fn what_is_neither_is_refused_with_a_remedy() {
        insta::assert_snapshot!(
            ["", "sqlite3", "mysql://db/simmer", "postgres://"].map(parsed).join("\n"),
            @r"
        refused: it is empty
        refused: `sqlite3` is not known
        refused: a database of the kind `mysql` is not known
        refused: the address names no host
        "
        );
    }

    #[test]
    fn a_path_with_any_signs_reaches_the_driver_whole() {
        assert_eq!(sqlite_url(Path::new("/a b/50%?#/x.db")), "sqlite:///a%20b/50%25%3F%23/x.db?mode=rwc");
    }
}
