//! The words by which programs tell of a trouble. Data: a new message is a new line here and in the corpus.
//!
//! Written for what PostgreSQL, MySQL and MariaDB, Redis, MongoDB, and programs of Python, Node, Go, the JVM, Ruby, PHP and
//! Rust, nginx and Caddy print. A line that matches `unless` says something else in the same words.

use super::Kind;

/// One kind with its patterns (regular expressions, any of which is enough).
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) any: &'static [&'static str],
    pub(super) unless: &'static [&'static str],
}

const fn row(kind: Kind, any: &'static [&'static str]) -> Row {
    Row { kind, any, unless: &[] }
}

/// In the order in which a line is asked: what is certain before what is vague.
pub(super) const TABLE: &[Row] = &[
    row(
        Kind::KernelLimit,
        &[
            r"(?i)vm\.max_map_count \[?\d+\]? (?:is )?too low|max virtual memory areas .* too low",
            r"(?i)System limit for number of file watchers reached",
            r"(?i)inotify (?:instances|watch(?:es)?) (?:limit )?(?:reached|exhausted)|inotify_init.*Too many open files",
            r"(?i)too many open files in system|\bENFILE\b",
        ],
    ),
    row(
        Kind::OutOfDisk,
        &[
            r"(?i)no space left on device|\bENOSPC\b|disk quota exceeded|\bEDQUOT\b",
            r"(?i)database or disk is full|SQLITE_FULL|disk is full writing",
            r#"(?i)\bOS errno 28\b|Errcode: 28\b|\(28: "?No space"#,
        ],
    ),
    row(
        Kind::ReadOnlyFileSystem,
        &[
            r"(?i)read-only file ?system|\bEROFS\b|\(os error 30\)|\[Errno 30\]",
            // A docker config is a bind mount: it cannot be replaced by a rename.
            r"(?i)rename\b.*(?:device or resource busy|\bEBUSY\b)|\bEBUSY\b.*\brename\b",
            r"(?i)(?:cannot|can't|could not|unable to) (?:move|rename|replace).*device or resource busy",
        ],
    ),
    row(Kind::NodeFull, &[r"(?i)no suitable node.*insufficient resources"]),
    row(
        Kind::PortTaken,
        &[
            r"(?i)port is already allocated",
            r"(?i)no suitable node.*host-mode port already in use",
            r"(?i)driver failed programming external connectivity.*(?:in use|already allocated)",
        ],
    ),
    row(
        Kind::HeapExhausted,
        &[
            r"(?i)JavaScript heap out of memory|Reached heap limit Allocation failed",
            r"java\.lang\.OutOfMemoryError",
            r"(?i)Allowed memory size of \d+ bytes exhausted",
            r"OOM command not allowed when used memory > 'maxmemory'",
        ],
    ),
    row(
        Kind::NodeOutOfMemory,
        &[
            r"(?i)cannot allocate memory|\bENOMEM\b|fatal error: runtime: out of memory|memory allocation of \d+ bytes failed",
        ],
    ),
    row(
        Kind::UnsupportedArchitecture,
        &[r"(?i)exec format error|\bENOEXEC\b|exec: wrong architecture|qemu-\w+: Could not open"],
    ),
    row(
        Kind::FilesIncompatible,
        &[
            r"(?i)database files are incompatible with server",
            r"(?i)data directory was initialized by PostgreSQL version .* not compatible with this version",
            r"(?i)in 18\+, these Docker images are configured to store database data",
            r"(?i)Upgrade after a crash is not supported|Unsupported redo log format|redo log was created with MySQL",
            r"(?i)MongoDB is too recent to start up on the existing data files",
            r"(?i)Invalid featureCompatibilityVersion document",
        ],
    ),
    row(
        Kind::DataNewerThanProgram,
        &[
            r"(?i)cannot downgrade|downgrad(?:e|ing) (?:is )?not (?:supported|allowed|possible)|Invalid MySQL server downgrade",
            r"(?i)Can't handle RDB format version",
            r"(?i)is for a newer \w+, you can not use the newer database",
            r"(?i)(?:database|schema|data|config\w*)\b.{0,40}\b(?:is|are|was|were)\b.{0,30}\b(?:too new|newer than|from a newer|by a newer|created (?:by|with) a newer)",
            r"(?i)Can't locate revision identified by",
            r"(?i)migration \d+ was previously applied but is missing",
        ],
    ),
    row(
        Kind::DataLocked,
        &[
            r"(?i)database is locked|SQLITE_BUSY",
            r#"(?i)lock file "postmaster\.pid" already exists"#,
            r"(?i)Unable to lock \S*ibdata1|Unable to lock \./",
            r"(?i)could not (?:get|acquire|obtain) (?:the |a )?lock (?:on|for)? ?\S*(?:/|\.lock|LOCK)",
            r"(?i)LOCK: Resource temporarily unavailable|While lock file: .*LOCK",
            r"(?i)DBPathInUse|data ?dir(?:ectory)? .{0,40}(?:already )?(?:in use|locked) by another",
            r"(?i)another (?:instance|process) (?:is|has) .{0,30}(?:using|locked|running)|already locked by another process",
        ],
    ),
    row(
        Kind::DataCorrupt,
        &[
            r"(?i)database disk image is malformed|file is not a database|SQLITE_(?:CORRUPT|NOTADB)",
            r"(?i)could not locate a valid checkpoint record|invalid (?:primary|secondary)? ?checkpoint record",
            r"(?i)invalid page in block|could not read block \d+ in file",
            r"(?i)InnoDB: (?:Database page corruption|Corruption|Page \[.*\] .*corrupt)",
            r"(?i)Bad file format reading the append only file|Wrong signature trying to load DB|Short read or OOM loading DB",
            r"(?i)WiredTiger.*(?:checksum|corrupt)",
        ],
    ),
    Row {
        kind: Kind::CertificateUntrusted,
        any: &[
            r"x509: certificate (?:signed by unknown authority|is valid for|has expired)|x509: cannot validate",
            r"UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|CERT_HAS_EXPIRED",
            r"(?i)CERTIFICATE_VERIFY_FAILED|certificate verify failed|unable to (?:get local issuer|verify the first) certificate",
            r"(?i)PKIX path (?:building|validation) failed|self.signed certificate",
            r"(?i)invalid peer certificate|SSL certificate problem",
        ],
        unless: &[r"(?i)generat|creat(?:ed|ing)|using (?:a |the )?self.signed"],
    },
    row(
        Kind::CertificateBroken,
        &[
            r#"cannot load certificate(?: key)? ""#,
            r"(?i)tls: (?:failed to find any PEM data|private key does not match|failed to parse)",
            r"(?i)(?:could not|cannot|unable to|failed to) (?:load|read|open|access|find) (?:the )?(?:tls |ssl |server )?(?:certificate|private key)",
            r"(?i)key values mismatch|private key file .* has group or world access|PEM routines.*no start line",
        ],
    ),
    row(
        Kind::SecretFileMissing,
        &[
            r#"(?i)/(?:run|var/run)/secrets/[\w.-]+['"`)]*[:,]? ?\(?(?:[^:]{0,60}[: ])?(?:no such file|not found|does not exist|failed to open)"#,
            r#"(?i)(?:no such file or directory|ENOENT|not found|does not exist|FileNotFound\w*|cannot open|can't open)\b.{0,80}/(?:run|var/run)/secrets/"#,
        ],
    ),
    row(
        Kind::DatabasePermissionDenied,
        &[
            r"(?i)permission denied (?:for|to) (?:schema|table|relation|database|sequence|function|tablespace|create|set|view|language|large object)",
            r"(?i)must be owner of (?:table|relation|schema|database|sequence|extension)|must be superuser to",
            r"(?i)\w+ command denied to user",
            r"(?i)Access denied for user .* to database",
            r"NOPERM this user has no permissions|not authorized on \w+ to execute command",
        ],
    ),
    row(
        Kind::DatabaseLoginRefused,
        &[
            r"(?i)password authentication failed for user|no pg_hba\.conf entry for|no password supplied|SASL: SCRAM-SERVER",
            r"(?i)Access denied for user .*using password",
            r"WRONGPASS|NOAUTH Authentication required|ERR invalid password|ERR AUTH",
            r#"(?i)role "[^"]+" does not exist"#,
            r"(?i)Authentication failed\..*Mongo|MongoServerError: Authentication failed|SCRAM authentication failed",
        ],
    ),
    row(
        Kind::DatabaseMissing,
        &[
            r#"(?i)database "[^"]+" does not exist|unknown database '[^']+'"#,
            r"(?i)InvalidCatalogName|\bErrNoSuchDatabase\b",
        ],
    ),
    row(
        Kind::AddressInUse,
        &[
            r"(?i)address already in use|\bEADDRINUSE\b|Address in use\b|\(os error 98\)|\[Errno 98\]|Port \d+ (?:is already|was already) in use",
        ],
    ),
    row(Kind::TooManyOpenFiles, &[r"(?i)too many open files|\bEMFILE\b|\(os error 24\)|\[Errno 24\]"]),
    row(
        Kind::ProgramMissing,
        &[
            r"(?i)executable file not found in \$PATH",
            r#"(?i)exec:? .{0,120}no such file or directory"#,
            r"(?i)^(?:[\w/.-]+: )?(?:line )?(?:\d+: )?(?:eval: )?[\w./+-]+: (?:command )?not found$",
            r"(?i)exec: \S+: not found",
            r"Cannot find (?:module|package) '|ERR_MODULE_NOT_FOUND",
            r"ModuleNotFoundError: No module named|ImportError: (?:cannot import name|No module named)",
            r"(?i)error while loading shared libraries|Error loading shared library|cannot open shared object file",
            r"cannot load such file -- |Could not find (?:gem )?'?[\w-]+'? .*in (?:locally installed gems|any of the sources)",
            r"java\.lang\.(?:ClassNotFoundException|NoClassDefFoundError)|Could not find or load main class",
            r"(?i)undefined function \w+\(\)|PHP Fatal error: .*Class .* not found|Could not open input file",
        ],
    ),
    Row {
        kind: Kind::PermissionDenied,
        any: &[
            r"(?i)permission denied|\bEACCES\b|\(os error 13\)|\[Errno 13\]|Errcode: 13\b|java\.nio\.file\.AccessDeniedException",
            r"(?i)operation not permitted|\bEPERM\b|\[Errno 1\]|\(os error 1\)",
            r"(?i)is not writable|not writ(?:e)?able by|has wrong ownership|has invalid permissions|data directory .* has (?:group or world access|wrong ownership)",
        ],
        // A server's answer to a client, and shells that go on.
        unless: &[r"(?i)\(publickey\)|http[/ ]1|HTTP/2|\b403\b|renice|nice level|setpriority|mlock"],
    },
    row(
        Kind::SettingMissing,
        &[
            r"(?i)superuser password is not specified|Database is uninitialized and password option is not specified",
            r"(?i)(?:environment )?(?:variable|setting|option|env(?:ironment)? var|parameter)s? ['\x22`$]?\w+['\x22`]? (?:is|are|was|must be|needs to be|has to be) (?:required|not set|unset|missing|empty|set|undefined|not defined|mandatory)",
            r"(?i)(?:missing|required|undefined) (?:required |mandatory )?(?:environment|env|config(?:uration)?) ?(?:variable|var|setting|value|key|option)s?",
            r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+['\x22`]?:? (?:(?:environment )?variable )?(?i:must (?:be set|not be (?:empty|blank))|is (?:required|not set|unset|missing|mandatory|undefined)|parameter (?:null or )?not set|(?:was )?not (?:provided|specified|defined)|cannot be empty|can't be blank)",
            r"KeyError: '[A-Z][A-Z0-9_]+'|key not found: \x22[A-Z][A-Z0-9_]+\x22|Environment variable not found",
            r"(?i)The SECRET_KEY setting must not be empty|Missing `?secret_key_base`?|No application encryption key has been specified",
            r"(?i)NotPresent\b.*\bvar|environment variable not (?:found|set)",
            r"(?i)JWT secret (?:is )?(?:missing|required|not set)|secretOrPrivateKey must have a value",
        ],
    ),
    row(
        Kind::NameNotResolved,
        &[
            r"(?i)no such host|server misbehaving|temporary failure in name resolution|name or service not known|name does not resolve",
            r"\bENOTFOUND\b|\bEAI_(?:AGAIN|NONAME|FAIL)\b|UnknownHostException",
            r"(?i)could not translate host name|unknown (?:mysql server|server) host|host not found in upstream|nodename nor servname",
            r"(?i)failed to lookup address|could not resolve host|Couldn't resolve host|getaddrinfo(?: for \S+)? failed|unable to resolve (?:host|hostname)",
        ],
    ),
    row(
        Kind::NeighbourRefused,
        &[
            r"(?i)connection refused|\bECONNREFUSED\b|\(os error 111\)|\[Errno 111\]|actively refused",
            r"(?i)can't connect to (?:mysql|mariadb|local|server)|could not connect to server|Connection to \S+ refused",
            r"MongoServerSelectionError|No connection could be made|Is the server running on (?:that )?host",
        ],
    ),
    row(
        Kind::BadConfig,
        &[
            r"\[emerg\] .* in /|nginx: configuration file .* test failed",
            r"(?i)Error: (?:adapting config|loading (?:initial|new) config|ambiguous site definition)|Caddyfile:\d+ - Error",
            r"(?i)FATAL CONFIG FILE ERROR|Bad directive or wrong number of arguments",
            r"(?i)configuration file \S+ contains errors|unrecognized configuration parameter|invalid value for parameter",
            r"(?i)unknown (?:variable|option|command.line (?:flag|option)|flag|argument|directive):? ['\x22`-]|unrecognized (?:option|argument)s?:? ",
            r"(?i)flag provided but not defined|unexpected argument '|error: unknown shorthand flag",
            r"(?i)\byaml: (?:line \d+|unmarshal errors|found character)|yaml\.(?:scanner|parser)\.\w+Error|toml: line \d+|TOML parse error",
            r"(?i)(?:invalid|bad|malformed|illegal|error in|errors? (?:parsing|loading|reading)|(?:failed|unable|could not|cannot) (?:to )?(?:parse|load|read|decode|unmarshal|validate|initiali[sz]e)) (?:the )?(?:\w+ )?config(?:uration)?\b",
            r"(?i)Fatal errors found in configuration|Syntax error on line \d+ of /|AH00526",
            r"(?i)Failed to bind properties under|Could not resolve placeholder",
            r"(?i)unsupported (?:config|configuration) (?:version|key|option)|ImproperlyConfigured|pydantic.*validation errors? for Settings",
            r"(?i)PHP Parse error",
        ],
    ),
    Row {
        kind: Kind::MigrationFailed,
        any: &[
            r"(?i)migrations?\b.{0,80}\b(?:failed|errored|aborted|could not be applied)\b|(?:fail(?:ed|ure)|unable|could not|errors?|cannot) (?:(?:to|while|when|during|in|of|at|run|running|apply|applying|execut(?:e|ing)|perform(?:ing)?|complet(?:e|ing)|start(?:ing)?|the|a|an|\w*database|db|sql|schema) )*(?:migrat(?:e|ing|ion|ions)|schema (?:update|upgrade))\b",
            r"(?i)this and all later migrations canceled|Dirty database version \d+|found failed migrations|migration directory is corrupt",
            r"(?i)Migrations have failed validation|failed: migrat(?:e|ion)\b|LiquibaseException|FlywayException|MigrationError|migration error",
            r"(?i)migration \d+ was previously applied but has been modified|alembic\.util\.exc\.CommandError",
            r"(?i)(?:database|schema) (?:upgrade|update) failed|mysql_upgrade.*FATAL",
            r"django\.db\.migrations\.exceptions\.",
        ],
        unless: &[r"(?i)\b(?:0|no|without) (?:\w+ )?(?:errors?|failed|failures?)\b"],
    },
    row(
        Kind::RelationMissing,
        &[
            r#"(?i)relation "[^"]+" does not exist|table "?[\w.]+"? does not exist|UndefinedTable"#,
            r#"(?i)column "?[\w.]+"?(?: of relation "[^"]+")? does not exist|unknown column '|UndefinedColumn"#,
            r"(?i)Table '[^']+' doesn't exist|ER_NO_SUCH_TABLE",
            r"(?i)no such (?:table|column): ",
        ],
    ),
];

/// A program that says so is up; what came before was overcome.
pub(super) const UP: &str = concat!(
    r"(?i)ready (?:to accept|for) connections|ready to handle connections|waiting for connections",
    r"|\b(?:now |is |server )?listening (?:on|at|for)\b|^listening\b|\blistening$|running (?:on|at) https?://",
    r"|application startup complete|startup (?:complete|finished)|server (?:has )?started|started (?:the )?(?:\w+ )?server|Started \w+ in [\d.]+ seconds",
    r"|serving initial configuration|start worker processes?|booting worker|\bworker .* ready\b",
    r"|fpm is running, pid|configured -- resuming normal operations|\bup and running\b|now accepting connections",
);

/// A program that says so no longer waits for its neighbours.
pub(super) const NEIGHBOURS_UP: &str = concat!(
    r"(?i)\bconnected to (?:the )?(?:\w+ )?(?:database|db|postgres\w*|mysql|mariadb|redis|mongo\w*)|(?:database|db|redis|mysql|postgres\w*) (?:connection|connected|is (?:up|ready|available))",
    r"|connection (?:to .{1,40} )?(?:was )?(?:established|successful|succeeded|restored|open)|(?:re)?connected successfully",
    r"|(?:running|applying|starting|executing) (?:\w+ )?(?:database |schema )?migrations?\b|migrations? (?:are |is |has |have |been |were )*(?:complete[d]?|applied|done|finished|successful|up.to.date)",
);

/// A line with one of these words says that something is not up, whatever else it says.
pub(super) const NOT_UP: &str = r"(?i)\b(?:not|un\w*able|cannot|can't|could not|couldn't|fail\w*|errors?|refused|denied|waiting for (?:the )?(?:database|db|postgres|mysql|redis)|lost|closed|already in use|stopped)\b";

/// Where a line names what it wanted to reach.
pub(super) const HOSTS: &[&str] = &[
    r"lookup (?P<h>[\w.-]+)(?: on | :|:)",
    r"(?:ENOTFOUND|EAI_AGAIN|EAI_NONAME) (?P<h>[\w.-]+)",
    r#"host name "(?P<h>[^"]+)""#,
    r"UnknownHostException: (?P<h>[\w.-]+)",
    r"getaddrinfo for (?P<h>[\w.-]+) failed",
    r"host='(?P<h>[^']+)'",
    r"server host '(?P<h>[^']+)'",
    r#"upstream "(?P<h>[^":/]+)"#,
    r"ECONNREFUSED (?P<h>[\w.-]+):\d+",
    r#"connection to server at "(?P<h>[^"]+)""#,
    r#"host "(?P<h>[^"]+)""#,
    r"on '(?P<h>[\w.-]+)(?::\d+)?' \(",
    r"(?i)resolve host(?:name)?:? '?(?P<h>[\w.-]+)",
    r"(?:dial|read|connect) (?:tcp|udp|to) (?P<h>[\w.-]+):\d+",
    r"connecting to (?P<h>[\w.-]+):\d+",
    r"https?://(?:[^/@\s]+@)?(?P<h>[\w.-]+)",
    r"\w+://(?:[^/@\s]+@)?(?P<h>[\w.-]+)",
];
