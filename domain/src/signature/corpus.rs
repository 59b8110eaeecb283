//! Lines as real programs write them, each with what it has to name; and lines of healthy programs, which name nothing.

use std::collections::BTreeMap;

use super::*;
use crate::Cause;

/// Names a crash loop of `app` after this log; the name of the cause beneath where nothing is found.
fn named(log: &str) -> String {
    let lines = log.lines().map(str::to_owned).collect();
    let logs = [ServiceLog { service: "app".into(), lines }];
    let cause = Cause::CrashLoop {
        service: "app".into(),
        exits: 3,
        exit_code: Some(1),
        oom: false,
        says: "task: non-zero exit (1)".into(),
        last_lines: Vec::new(),
    };
    let memory = BTreeMap::new();
    name_cause(cause, &Scene { logs: &logs, own: &[], memory: &memory }).name().to_owned()
}

#[track_caller]
fn names(kind: Kind, logs: &[&str]) {
    let wrong: Vec<_> = logs
        .iter()
        .map(|log| (named(log), log))
        .filter(|(found, _)| found != kind.name())
        .map(|(found, log)| format!("{found} instead of {}: {log}", kind.name()))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn cc_080_a_config_that_is_mounted_read_only() {
    names(
        Kind::ReadOnlyFileSystem,
        &[
            // gitea (Go) on a docker config
            r#"2024/03/02 10:11:12 ...s/setting/security.go:24:loadSecret() [F] Error saving generated JWT Secret to custom config: failed to save "/data/gitea/conf/app.ini": open /data/gitea/conf/app.ini: read-only file system"#,
            // syncthing
            "[start] 10:00:00 WARNING: Failed to initialize config: config archive: rename /config/config.xml: device or resource busy\n[monitor] 10:00:01 INFO: Syncthing exited: exit status 1\nFailed to initialize config: config archive: rename /config/.config.xml.1 /config/config.xml: device or resource busy",
            "OSError: [Errno 30] Read-only file system: '/config/settings.yaml'",
            "Error: EROFS: read-only file system, open '/app/config/local.json'",
            "Error: EBUSY: resource busy or locked, rename '/data/settings.js.$$$' -> '/data/settings.js'",
            "java.nio.file.FileSystemException: /opt/app/conf/server.xml: Read-only file system",
            "Errno::EROFS: Read-only file system @ rb_sysopen - /app/config/secrets.yml",
            "PHP Warning:  file_put_contents(/var/www/html/config.php): Failed to open stream: Read-only file system in /var/www/html/lib/private/Config.php on line 269",
            "sed: couldn't open temporary file /etc/nginx/sedXYZ: Read-only file system",
            r#"thread 'main' panicked at src/main.rs:12:40: called `Result::unwrap()` on an `Err` value: Os { code: 30, kind: ReadOnlyFilesystem, message: "Read-only file system" }"#,
            "mv: cannot move '/tmp/x' to '/etc/app.conf': Device or resource busy",
            "chown: /etc/redis.conf: Read-only file system",
        ],
    );
}

#[test]
fn tables_and_databases_that_are_missing() {
    names(
        Kind::RelationMissing,
        &[
            r#"ERROR:  relation "ci_marker" does not exist at character 15"#,
            r#"2024-05-01 10:00:00.123 UTC [57] ERROR:  relation "users" does not exist at character 15"#,
            r#"psycopg2.errors.UndefinedTable: relation "auth_user" does not exist"#,
            r#"error: relation "public.settings" does not exist"#,
            r#"pq: relation "schema_version" does not exist"#,
            r#"PG::UndefinedTable: ERROR:  relation "accounts" does not exist (ActiveRecord::StatementInvalid)"#,
            "ERROR 1146 (42S02) at line 1: Table 'app.users' doesn't exist",
            "SQLSTATE[42S02]: Base table or view not found: 1146 Table 'app.oc_appconfig' doesn't exist",
            "sqlite3.OperationalError: no such table: users",
            "SqliteError: no such table: actor",
            r#"ERROR:  column "deleted_at" does not exist"#,
            "Unknown column 'u.locale' in 'field list'",
        ],
    );
    names(
        Kind::DatabaseMissing,
        &[
            r#"psql: error: connection to server at "db" (10.0.5.3), port 5432 failed: FATAL:  database "kinto" does not exist"#,
            r#"FATAL:  database "app" does not exist"#,
            "ERROR 1049 (42000): Unknown database 'app'",
        ],
    );
}

#[test]
fn memory_and_disk() {
    names(
        Kind::HeapExhausted,
        &[
            "<--- Last few GCs --->\nFATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
            "java.lang.OutOfMemoryError: Java heap space",
            "PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted (tried to allocate 20480 bytes) in /var/www/html/index.php on line 3",
        ],
    );
    names(
        Kind::NodeOutOfMemory,
        &[
            "FATAL:  could not map anonymous shared memory: Cannot allocate memory",
            "fatal error: runtime: out of memory",
            "sh: fork: Cannot allocate memory",
            "memory allocation of 1073741824 bytes failed",
        ],
    );
    names(
        Kind::OutOfDisk,
        &[
            r#"FATAL:  could not write lock file "postmaster.pid": No space left on device"#,
            r#"PANIC:  could not write to file "pg_wal/xlogtemp.64": No space left on device"#,
            "2024-05-01 10:00:00 0 [ERROR] InnoDB: Write to file ./ibtmp1 failed at offset 0, 1048576 bytes should have been written, only 0 were written. Operating system error number 28.\n2024-05-01 10:00:00 0 [ERROR] mariadbd: Disk full (/tmp/#sql); waiting for someone to free some space... (errno: 28 \"No space left on device\")",
            "Error: ENOSPC: no space left on device, write",
            "OSError: [Errno 28] No space left on device",
            "write /data/x: disk quota exceeded",
            "java.io.IOException: No space left on device",
            "sqlite3.OperationalError: database or disk is full",
            "Error writing to the AOF file: No space left on device",
        ],
    );
    names(
        Kind::KernelLimit,
        &[
            "bootstrap check failure [1] of [1]: max virtual memory areas vm.max_map_count [65530] is too low, increase to at least [262144]",
            "Error: ENOSPC: System limit for number of file watchers reached, watch '/data'",
            "accept4() failed (23: Too many open files in system)",
        ],
    );
}

#[test]
fn rights_files_and_programs() {
    names(
        Kind::PermissionDenied,
        &[
            "mkdir: cannot create directory '/var/lib/postgresql/data': Permission denied",
            "1:M 12 May 2024 10:00:00.000 # Can't open the append-only file: Permission denied",
            "Error: EACCES: permission denied, open '/data/db.sqlite'",
            "PermissionError: [Errno 13] Permission denied: '/data/homeserver.signing.key'",
            "open /data/conf/app.ini: permission denied",
            "nginx: [emerg] mkdir() \"/var/cache/nginx/client_temp\" failed (13: Permission denied)",
            "2024-05-01 10:00:00 0 [ERROR] mariadbd: Can't create/write to file '/var/lib/mysql/aria_log_control' (Errcode: 13 \"Permission denied\")",
            "chown: changing ownership of '/data': Operation not permitted",
            "Errno::EACCES: Permission denied @ dir_s_mkdir - /app/tmp/pids",
            "java.nio.file.AccessDeniedException: /opt/data/lock",
            "Your data directory is not writable by the current user",
            r#"FATAL:  data directory "/var/lib/postgresql/data" has wrong ownership"#,
            r#"Error: failed to create: Os { code: 13, kind: PermissionDenied, message: "Permission denied" }"#,
        ],
    );
    names(
        Kind::ProgramMissing,
        &[
            "sh: 1: pg_dump: not found",
            "/bin/sh: pg_dump: not found",
            "bash: line 1: mysqldump: command not found",
            "/entrypoint.sh: line 12: envsubst: command not found",
            r#"exec: "start.sh": executable file not found in $PATH"#,
            "Error: Cannot find module 'express'\nRequire stack:\n- /app/main.js",
            "ModuleNotFoundError: No module named 'psycopg2'",
            "cannot load such file -- bundler/setup (LoadError)",
            "node: error while loading shared libraries: libatomic.so.1: cannot open shared object file: No such file or directory",
            "Error: Could not find or load main class org.example.Main",
            "exec /usr/local/bin/run.sh: no such file or directory",
        ],
    );
    names(
        Kind::UnsupportedArchitecture,
        &[
            "exec /usr/local/bin/docker-entrypoint.sh: exec format error",
            "exec user process caused: exec format error",
        ],
    );
    names(
        Kind::TooManyOpenFiles,
        &[
            "accept tcp [::]:8080: accept4: too many open files",
            "Error: EMFILE: too many open files, open '/data/a'",
            "OSError: [Errno 24] Too many open files",
        ],
    );
    names(
        Kind::SecretFileMissing,
        &[
            "cat: /run/secrets/db_password: No such file or directory",
            "FileNotFoundError: [Errno 2] No such file or directory: '/run/secrets/secret_key'",
            "Error: ENOENT: no such file or directory, open '/run/secrets/jwt'",
            "open /run/secrets/admin_password: no such file or directory",
        ],
    );
    names(
        Kind::SettingMissing,
        &[
            "Error: Database is uninitialized and superuser password is not specified.\n       You must specify POSTGRES_PASSWORD to a non-empty value for the superuser.",
            "[ERROR] [Entrypoint]: Database is uninitialized and password option is not specified\n    You need to specify one of the following as an environment variable:",
            "KeyError: 'SECRET_KEY'",
            "django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.",
            "Error: environment variable DATABASE_URL is required",
            "PDS_JWT_SECRET must be set",
            "/entrypoint.sh: line 3: ADMIN_PASSWORD: parameter null or not set",
            "ArgumentError: Missing `secret_key_base` for 'production' environment",
            "error: missing required environment variable: BASE_URL",
            "key not found: \"RAILS_MASTER_KEY\" (KeyError)",
            "fatal: APP_SECRET is not set",
        ],
    );
}

#[test]
fn configs_ports_and_certificates() {
    names(
        Kind::BadConfig,
        &[
            r#"nginx: [emerg] unknown directive "proxy_pas" in /etc/nginx/conf.d/default.conf:4"#,
            "Error: adapting config using caddyfile: /etc/caddy/Caddyfile:3: unrecognized directive: revers_proxy",
            "*** FATAL CONFIG FILE ERROR (Redis 7.0.5) ***\nReading the configuration file, at line 2\n>>> 'maxmemry 10mb'",
            r#"FATAL:  configuration file "/etc/postgresql/postgresql.conf" contains errors"#,
            "2024-05-01 10:00:00 0 [ERROR] mysqld: unknown variable 'query_cache_size=0'",
            "yaml.scanner.ScannerError: mapping values are not allowed here",
            "yaml: line 7: did not find expected key",
            "Error: unknown flag: --legacy",
            "flag provided but not defined: -foo",
            "AH00526: Syntax error on line 12 of /etc/apache2/sites-enabled/000-default.conf:",
            "panic: failed to load configuration: toml: line 3: unexpected end",
            "Failed to bind properties under 'server.port' to java.lang.Integer:",
        ],
    );
    names(
        Kind::AddressInUse,
        &[
            "Error: listen EADDRINUSE: address already in use :::3000",
            "listen tcp :8080: bind: address already in use",
            "error listening on 0.0.0.0:80: address already in use",
            "OSError: [Errno 98] Address already in use",
            "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)",
            r#"LOG:  could not bind IPv4 address "0.0.0.0": Address already in use
HINT:  Is another postmaster already running on port 5432?
FATAL:  could not create any TCP/IP sockets: Address already in use"#,
            "Web server failed to start. Port 8080 was already in use.",
        ],
    );
    names(
        Kind::CertificateUntrusted,
        &[
            r#"Get "https://run-1.example.test/": tls: failed to verify certificate: x509: certificate signed by unknown authority"#,
            "Error: unable to verify the first certificate\n    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'",
            "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in certificate chain (_ssl.c:992)",
            "javax.net.ssl.SSLHandshakeException: PKIX path building failed: unable to find valid certification path to requested target",
            "curl: (60) SSL certificate problem: unable to get local issuer certificate",
        ],
    );
    names(
        Kind::CertificateBroken,
        &[
            r#"nginx: [emerg] cannot load certificate "/certs/tls.crt": BIO_new_file() failed"#,
            "tls: private key does not match public key",
            "FATAL:  private key file \"/certs/server.key\" has group or world access",
        ],
    );
}

#[test]
fn neighbours_and_the_world_outside_are_told_apart() {
    names(
        Kind::NameNotResolved,
        &[
            "dial tcp: lookup db on 127.0.0.11:53: no such host",
            "Error: getaddrinfo ENOTFOUND postgres",
            "Error: getaddrinfo EAI_AGAIN redis",
            r#"psycopg2.OperationalError: could not translate host name "db" to address: Temporary failure in name resolution"#,
            r#"nginx: [emerg] host not found in upstream "app:3000" in /etc/nginx/conf.d/default.conf:5"#,
            "java.net.UnknownHostException: database",
            "php_network_getaddresses: getaddrinfo for mariadb failed: Name or service not known",
            "ERROR 2005 (HY000): Unknown MySQL server host 'mariadb' (-2)",
            r#"Error: failed to lookup address information: Name does not resolve"#,
        ],
    );
    names(
        Kind::NeighbourRefused,
        &[
            "Error: connect ECONNREFUSED 10.0.3.4:5432",
            "dial tcp 10.0.1.5:5432: connect: connection refused",
            r#"psycopg2.OperationalError: connection to server at "db" (10.0.5.3), port 5432 failed: Connection refused
	Is the server running on that host and accepting TCP/IP connections?"#,
            "ERROR 2002 (HY000): Can't connect to MySQL server on 'mariadb' (115)",
            "redis.exceptions.ConnectionError: Error 111 connecting to redis:6379. Connection refused.",
            "java.net.ConnectException: Connection refused",
            "SQLSTATE[HY000] [2002] Connection refused",
            r#"Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }"#,
        ],
    );
    names(
        Kind::OutsideUnreachable,
        &[
            "dial tcp: lookup plc.directory on 127.0.0.11:53: server misbehaving",
            "Error: getaddrinfo EAI_AGAIN registry.example.org",
            "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='api.example.com', port=443): Max retries exceeded with url: / (Caused by NameResolutionError: Name or service not known)",
            "curl: (6) Could not resolve host: downloads.example.org",
            "Error: connect ECONNREFUSED 93.184.216.34:443",
        ],
    );
    names(
        Kind::DatabaseLoginRefused,
        &[
            r#"FATAL:  password authentication failed for user "app""#,
            r#"psql: error: connection to server at "db" (10.0.5.3), port 5432 failed: FATAL:  password authentication failed for user "app""#,
            "ERROR 1045 (28000): Access denied for user 'app'@'10.0.1.3' (using password: YES)",
            "redis.exceptions.AuthenticationError: WRONGPASS invalid username-password pair or user is disabled.",
            "ReplyError: NOAUTH Authentication required.",
            r#"FATAL:  role "app" does not exist"#,
            "MongoServerError: Authentication failed.",
        ],
    );
    names(
        Kind::DatabasePermissionDenied,
        &[
            "ERROR:  permission denied for schema public at character 14",
            "pq: permission denied for table users",
            "SELECT command denied to user 'app'@'%' for table 'x'",
            "ERROR:  must be owner of table accounts",
        ],
    );
}

#[test]
fn data_that_does_not_fit_the_program() {
    names(
        Kind::FilesIncompatible,
        &[
            "2024-05-01 10:00:00.000 UTC [1] FATAL:  database files are incompatible with server\n2024-05-01 10:00:00.000 UTC [1] DETAIL:  The data directory was initialized by PostgreSQL version 15, which is not compatible with this version 17.12 (Debian 17.12-0+deb13u1).",
            "2024-05-01T10:00:00Z 1 [ERROR] [MY-012930] [InnoDB] Upgrade after a crash is not supported. This redo log was created with MySQL 5.7.",
            "Error: in 18+, these Docker images are configured to store database data in a",
        ],
    );
    names(
        Kind::DataNewerThanProgram,
        &[
            "Can't start Nextcloud because the version of the data (28.0.0.11) is higher than the docker image version (27.0.0.8) and downgrading is not supported. Are you sure you have pulled the newest image version?",
            "2024/03/02 10:11:12 [F] Your database (migration version: 300) is for a newer Gitea, you can not use the newer database for this old Gitea release (280).",
            "1:M 12 May 2024 10:00:00.000 # Can't handle RDB format version 12",
            "2024-05-01T10:00:00Z 1 [ERROR] [MY-014061] [Server] Invalid MySQL server downgrade: Cannot downgrade from 80400 to 80039. Target MySQL server version is lower than the server version.",
            "FAILED: Can't locate revision identified by '1a2b3c4d'",
            "java.lang.IllegalStateException: cannot downgrade a node from version [8.12.0] to version [7.17.0]",
        ],
    );
    names(
        Kind::DataLocked,
        &[
            r#"FATAL:  lock file "postmaster.pid" already exists
HINT:  Is another postmaster (PID 1) running in data directory "/var/lib/postgresql/data"?"#,
            "2024-05-01 10:00:00 0 [ERROR] InnoDB: Unable to lock ./ibdata1 error: 11",
            "sqlite3.OperationalError: database is locked",
            "IO error: While lock file: /data/db/LOCK: Resource temporarily unavailable",
        ],
    );
    names(
        Kind::DataCorrupt,
        &[
            "PANIC:  could not locate a valid checkpoint record",
            "sqlite3.DatabaseError: database disk image is malformed",
            "SqliteError: file is not a database",
            "Bad file format reading the append only file: make a backup of your AOF file, then use ./redis-check-aof --fix <filename>",
        ],
    );
    names(
        Kind::MigrationFailed,
        &[
            "Error running migrations: pq: syntax error at or near \"ALTR\"",
            "StandardError: An error has occurred, this and all later migrations canceled:",
            "error: Dirty database version 5. Fix and force version.",
            "Error: P3009\nmigrate found failed migrations in the target database, new migrations will not be applied.",
            "Caused by: org.flywaydb.core.api.FlywayException: Validate failed: Migrations have failed validation",
            "[F] ORM engine initialization failed: migrate: do migrate: migration[12]: duplicate column",
            "Migration V3__users.sql failed",
            "django.db.migrations.exceptions.InconsistentMigrationHistory: Migration admin.0001_initial is applied before its dependency",
            "Could not migrate database from 3 to 4: syntax error",
        ],
    );
}

/// Logs of programs that are well, and of programs that crash for another reason than the words suggest.
#[test]
fn harmless_lines_name_nothing() {
    let logs = [
        // Levels below an error, as many loggers write them (CC-039).
        "time=\"2024-05-01T10:00:00Z\" level=debug msg=\"stat /data/x: permission denied\"",
        "{\"level\":\"warn\",\"ts\":1714557600.1,\"msg\":\"open config: read-only file system\"}",
        "{\"level\":30,\"time\":1714557600,\"msg\":\"connect ECONNREFUSED, retrying\"}",
        "2024-05-01 10:00:00,123 WARNING connection refused, trying again",
        "[2024-05-01 10:00:00 +0000] [7] [DEBUG] permission denied for /proc/1/environ",
        "2024/05/01 10:00:00 [warn] 7#7: *1 open() failed (13: Permission denied)",
        "INFO:     permission denied is what a stranger gets here",
        "W0501 10:00:00.000000 1 watcher.go:10] no space left on device for inotify",
        "1:M 12 May 2024 10:00:00.000 # WARNING Memory overcommit must be enabled! Background save may fail with: Cannot allocate memory",
        "warn: database is locked, retrying",
        "HINT:  Is another postmaster (PID 1) running? lock file \"postmaster.pid\" already exists",
        // Migrations that went well.
        "Running migrations:\n  No migrations to apply.",
        "migration complete",
        "Migrations: 12 applied, 0 failed",
        "0 migrations failed",
        "All migrations have been applied successfully.",
        "Checking for failed jobs after migration: none",
        // Retries at boot that succeeded later.
        "Error: connect ECONNREFUSED 10.0.3.4:5432\nError: connect ECONNREFUSED 10.0.3.4:5432\nConnected to database\nTypeError: x is not a function",
        "dial tcp: lookup db: no such host\nServer listening on :8080\npanic: index out of range",
        "psql: error: connection to server at \"db\" failed: Connection refused\ndb is up\nBooting",
        "nc: connect to db port 5432 (tcp) failed: Connection refused\nConnection to db (10.0.1.2) 5432 port [tcp/postgresql] succeeded!",
        "chown: changing ownership of '/data': Operation not permitted\nStarted server on port 3000",
        // A database that is well: its clients' errors are theirs, and it says so before it is ready.
        "2024-05-01 10:00:00.000 UTC [1] LOG:  could not open file \"x\": Permission denied\n2024-05-01 10:00:01.000 UTC [1] LOG:  database system is ready to accept connections",
        "ERROR:  relation \"schema_migrations\" does not exist at character 15\n[2024-05-01] INFO: Running on http://0.0.0.0:8000",
        "Notice: using a self-signed certificate",
        "generating self-signed certificate for localhost",
        // Words in passing.
        "Loaded plugin permissions, disk, memory, dns",
        "max_open_files = 1024",
        "see https://example.org/docs/permission-denied for help",
        "GET /secrets/run HTTP/1.1 404",
        "10.0.0.2 - - [01/May/2024:10:00:00 +0000] \"GET /x HTTP/1.1\" 403 12 \"permission denied\"",
        "address: 0.0.0.0, port: 80, in use: false",
        "user config loaded from /etc/app.toml",
        "no configuration found, using defaults",
        "Environment variables: PATH, HOME, LANG",
        "TypeError: Cannot read properties of undefined (reading 'map')",
        "panic: runtime error: invalid memory address or nil pointer dereference",
        "Segmentation fault (core dumped)",
        "",
    ];
    let named: Vec<_> = logs
        .iter()
        .map(|log| (named(log), log))
        .filter(|(found, _)| found != "crash_loop")
        .map(|(found, log)| format!("{found}: {log}"))
        .collect();
    assert!(named.is_empty(), "{}", named.join("\n"));
}
