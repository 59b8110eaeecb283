//! The generic troubles: closed, so that they can be counted.

use super::Known;
use crate::Fault;

/// A trouble that any app may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// CC-080: a config that is mounted read-only and that the app wants to write.
    ReadOnlyFileSystem,
    PermissionDenied,
    OutOfDisk,
    /// Killed at the memory limit that the recipe sets itself.
    OutOfMemory,
    /// Killed at a memory ceiling of ours.
    MemoryCeiling,
    /// The node had no memory left for a process without a limit.
    NodeOutOfMemory,
    /// The program hit a ceiling of its own: a heap size, `memory_limit`.
    HeapExhausted,
    KernelLimit,
    TooManyOpenFiles,
    /// The program, or a part of it, is not in the image.
    ProgramMissing,
    UnsupportedArchitecture,
    AddressInUse,
    /// A port of the node that somebody else publishes.
    PortTaken,
    NodeFull,
    /// A neighbour's name is not resolved.
    NameNotResolved,
    NeighbourRefused,
    /// Something outside of the stack does not answer.
    OutsideUnreachable,
    SecretFileMissing,
    SettingMissing,
    BadConfig,
    CertificateUntrusted,
    CertificateBroken,
    DatabaseLoginRefused,
    DatabasePermissionDenied,
    DatabaseMissing,
    RelationMissing,
    FilesIncompatible,
    DataNewerThanProgram,
    DataLocked,
    DataCorrupt,
    MigrationFailed,
}

/// How much a kind says about the root of a trouble. Of several in one log the heaviest names the cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// What is missing may be missing for many reasons.
    Symptom,
    /// A step went wrong; its own words say why, if they say anything.
    Step,
    /// The trouble is with another service, whose own log may say more.
    Elsewhere,
    Plain,
    /// Nothing that the program could do helps against it.
    Root,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 31] = [
        Self::ReadOnlyFileSystem,
        Self::PermissionDenied,
        Self::OutOfDisk,
        Self::OutOfMemory,
        Self::MemoryCeiling,
        Self::NodeOutOfMemory,
        Self::HeapExhausted,
        Self::KernelLimit,
        Self::TooManyOpenFiles,
        Self::ProgramMissing,
        Self::UnsupportedArchitecture,
        Self::AddressInUse,
        Self::PortTaken,
        Self::NodeFull,
        Self::NameNotResolved,
        Self::NeighbourRefused,
        Self::OutsideUnreachable,
        Self::SecretFileMissing,
        Self::SettingMissing,
        Self::BadConfig,
        Self::CertificateUntrusted,
        Self::CertificateBroken,
        Self::DatabaseLoginRefused,
        Self::DatabasePermissionDenied,
        Self::DatabaseMissing,
        Self::RelationMissing,
        Self::FilesIncompatible,
        Self::DataNewerThanProgram,
        Self::DataLocked,
        Self::DataCorrupt,
        Self::MigrationFailed,
    ];

    /// Returns the stable name. None of them is also the name of a [`crate::Cause`].
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadOnlyFileSystem => "read_only_file_system",
            Self::PermissionDenied => "permission_denied",
            Self::OutOfDisk => "out_of_disk",
            Self::OutOfMemory => "out_of_memory",
            Self::MemoryCeiling => "memory_ceiling",
            Self::NodeOutOfMemory => "node_out_of_memory",
            Self::HeapExhausted => "heap_exhausted",
            Self::KernelLimit => "kernel_limit",
            Self::TooManyOpenFiles => "too_many_open_files",
            Self::ProgramMissing => "program_missing",
            Self::UnsupportedArchitecture => "unsupported_architecture",
            Self::AddressInUse => "address_in_use",
            Self::PortTaken => "port_taken",
            Self::NodeFull => "node_full",
            Self::NameNotResolved => "name_not_resolved",
            Self::NeighbourRefused => "neighbour_refused",
            Self::OutsideUnreachable => "outside_unreachable",
            Self::SecretFileMissing => "secret_file_missing",
            Self::SettingMissing => "setting_missing",
            Self::BadConfig => "bad_config",
            Self::CertificateUntrusted => "certificate_untrusted",
            Self::CertificateBroken => "certificate_broken",
            Self::DatabaseLoginRefused => "database_login_refused",
            Self::DatabasePermissionDenied => "database_permission_denied",
            Self::DatabaseMissing => "database_missing",
            Self::RelationMissing => "relation_missing",
            Self::FilesIncompatible => "database_files_incompatible",
            Self::DataNewerThanProgram => "data_newer_than_program",
            Self::DataLocked => "data_locked",
            Self::DataCorrupt => "data_corrupt",
            Self::MigrationFailed => "migration_failed",
        }
    }

    /// Returns who has to act (law 6).
    pub fn fault(self) -> Fault {
        match self {
            Self::OutOfDisk
            | Self::NodeOutOfMemory
            // The ceiling is ours and the recipe never heard of it: that it needs more is nothing against it.
            | Self::MemoryCeiling
            // Such as `vm.max_map_count`: no recipe can set it.
            | Self::KernelLimit
            | Self::PortTaken
            | Self::NodeFull
            // The node's way out, or somebody else's server.
            | Self::OutsideUnreachable
            // The certificate that a container meets here is of our own authority.
            | Self::CertificateUntrusted => Fault::Platform,
            Self::ReadOnlyFileSystem
            | Self::PermissionDenied
            | Self::OutOfMemory
            | Self::HeapExhausted
            | Self::TooManyOpenFiles
            | Self::ProgramMissing
            // A node that nobody's release is built for cannot even pull; what got this far was pinned or written so.
            | Self::UnsupportedArchitecture
            | Self::AddressInUse
            | Self::NameNotResolved
            | Self::NeighbourRefused
            | Self::SecretFileMissing
            | Self::SettingMissing
            | Self::BadConfig
            | Self::CertificateBroken
            | Self::DatabaseLoginRefused
            | Self::DatabasePermissionDenied
            | Self::DatabaseMissing
            | Self::RelationMissing
            | Self::FilesIncompatible
            | Self::DataNewerThanProgram
            | Self::DataLocked
            | Self::DataCorrupt
            | Self::MigrationFailed => Fault::Recipe,
        }
    }

    /// Returns what it is, in one sentence without a full stop.
    pub fn says(self) -> &'static str {
        match self {
            Self::ReadOnlyFileSystem => "it writes to a file that is mounted read-only, such as a config",
            Self::PermissionDenied => "a file or right is refused to the user that it runs as",
            Self::OutOfDisk => "the disk is full",
            Self::OutOfMemory => "it was killed at the memory limit that the recipe sets",
            Self::MemoryCeiling => "it was killed at the memory ceiling that we set",
            Self::NodeOutOfMemory => "the node had no memory left for it",
            Self::HeapExhausted => "it used up the memory that its own settings allow",
            Self::KernelLimit => "a limit of the node's kernel is too low for it",
            Self::TooManyOpenFiles => "it holds more files open than it may",
            Self::ProgramMissing => "a program, module or library that it calls is not in the image",
            Self::UnsupportedArchitecture => {
                "the node cannot run this file: another architecture, or a script that names no interpreter"
            }
            Self::AddressInUse => "the address that it wants to listen at is taken within its container",
            Self::PortTaken => "the port that it publishes on the node is taken",
            Self::NodeFull => "no node has the room that it reserves",
            Self::NameNotResolved => "no service answers to a name that it calls",
            Self::NeighbourRefused => "a service that it needs takes no connection",
            Self::OutsideUnreachable => {
                "it needs something outside of the stack, which cannot be reached from here"
            }
            Self::SecretFileMissing => "a secret or config file is not where it looks for it",
            Self::SettingMissing => "a setting that it must have is not set",
            Self::BadConfig => "its configuration is refused",
            Self::CertificateUntrusted => "it does not trust the certificate that it meets",
            Self::CertificateBroken => "its own certificate or key cannot be used",
            Self::DatabaseLoginRefused => "the database refuses the user name or the password",
            Self::DatabasePermissionDenied => "the database user lacks a right",
            Self::DatabaseMissing => "the database that it asks for does not exist",
            Self::RelationMissing => "a table or column that it asks for does not exist",
            Self::FilesIncompatible => "the database cannot read the files of the version before",
            Self::DataNewerThanProgram => "the data were written by a newer version than this one",
            Self::DataLocked => "another process holds its data",
            Self::DataCorrupt => "its data files are damaged",
            Self::MigrationFailed => "the migration of its data failed",
        }
    }

    /// Returns what to try.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::ReadOnlyFileSystem => {
                "Docker mounts configs and secrets read-only. Mount it as a template at another path and let the entrypoint copy it into a volume when it is missing, or switch off the app's wish to save it."
            }
            Self::PermissionDenied => {
                "Compare the owner of the volume or file with the user of the new image: an image that changes its user needs a `chown` at start, or `user:` in the compose file."
            }
            Self::OutOfDisk => {
                "Make room on the node (`simmer doctor`, `simmer gc`, `docker system df`), then run again. It says nothing against the recipe."
            }
            Self::OutOfMemory => "Raise `deploy.resources.limits.memory`, or lower what the app takes.",
            Self::MemoryCeiling => {
                "Give the recipe more memory in the overlay (or raise the ceiling in simmer.toml), then run again. It says nothing against the recipe."
            }
            Self::NodeOutOfMemory => {
                "Run it again with fewer neighbours, or on a larger node. It says nothing against the recipe."
            }
            Self::HeapExhausted => {
                "Raise the program's own ceiling (`-Xmx`, `--max-old-space-size`, `memory_limit`), and the service's limit with it."
            }
            Self::KernelLimit => {
                "Raise the setting that the line names on the node (`sysctl`). It says nothing against the recipe, whose README may ask for it."
            }
            Self::TooManyOpenFiles => "Raise `ulimits.nofile` of the service, or find what it leaves open.",
            Self::ProgramMissing => {
                "Look whether the new image still has it; if the recipe calls it (hook, healthcheck, entrypoint), call what the image has."
            }
            Self::UnsupportedArchitecture => {
                "Check that the tag has an image for the node's architecture, and that a script of the recipe begins with `#!`."
            }
            Self::AddressInUse => {
                "Two processes of one container want one port, or an old one was left over. Look at the ports in its settings."
            }
            Self::PortTaken => {
                "Find out who publishes that port on the node (`docker ps`), or let the recipe go through the edge. It says nothing against the recipe."
            }
            Self::NodeFull => {
                "Lower `deploy.resources.reservations`, or run it on a larger or emptier node. It says nothing against the recipe."
            }
            Self::NameNotResolved => {
                "Check the name against the services of this stack, and that both are on one network."
            }
            Self::NeighbourRefused => {
                "Look at the service that refused: is it up, does it listen at that port, does the name lead to this stack's own? Swarm has no `depends_on`: an app has to wait."
            }
            Self::OutsideUnreachable => {
                "Give the node a way to that address, or the overlay a setting that does without. It says nothing against the recipe."
            }
            Self::SecretFileMissing => {
                "Compare the path in the line with the `target:` of the secret or config, and check that this service lists it."
            }
            Self::SettingMissing => {
                "Set it in the compose file or `.env.sample`; if the new version asks for it first, the release notes should say so."
            }
            Self::BadConfig => {
                "Mend the key or line that it names; a new version often drops keys that the old one took."
            }
            Self::CertificateUntrusted => {
                "Give the container our authority's certificate (the overlay can mount it), or let it call its neighbour inside. It says nothing against the recipe."
            }
            Self::CertificateBroken => "Check the certificate's path, its key and its dates.",
            Self::DatabaseLoginRefused => {
                "The database keeps the password of its first start: compare the secret that both services read, and whether the volume is older than the secret."
            }
            Self::DatabasePermissionDenied => {
                "Grant the right to the app's own user, in an init script or in the migration; newer PostgreSQL no longer lets everybody create in schema `public`."
            }
            Self::DatabaseMissing => {
                "Check the database's name in both services; it is made only at the first start on an empty volume. After a restore: the hook has to create it."
            }
            Self::RelationMissing => {
                "Either a migration did not run, or a restore did not bring the data back. Compare what the backup stores with what the app reads."
            }
            Self::FilesIncompatible => {
                "A new major version needs a dump and a load, or the vendor's upgrade tool. Pin the old one until the recipe does that, and write a release note."
            }
            Self::DataNewerThanProgram => {
                "It cannot go back: deploy the newer version, or restore a backup that the older one wrote."
            }
            Self::DataLocked => {
                "Two tasks on one volume: use `order: stop-first` in `update_config`, and one replica. If no other runs, the lock file was left by a kill."
            }
            Self::DataCorrupt => {
                "A copy of files under a running database is not a backup: dump it in a pre-hook and load the dump after a restore."
            }
            Self::MigrationFailed => {
                "Read the lines around it and try the migration on a copy of older data; the release may need a step between."
            }
        }
    }

    /// Returns the kind as what a cause carries.
    pub fn known(self) -> Known {
        Known {
            name: self.name().to_owned(),
            fault: self.fault(),
            says: self.says().to_owned(),
            remedy: self.remedy().to_owned(),
        }
    }

    pub(super) fn weight(self) -> Weight {
        match self {
            Self::ReadOnlyFileSystem
            | Self::OutOfDisk
            | Self::OutOfMemory
            | Self::MemoryCeiling
            | Self::NodeOutOfMemory
            | Self::HeapExhausted
            | Self::KernelLimit
            | Self::UnsupportedArchitecture
            | Self::PortTaken
            | Self::NodeFull
            | Self::FilesIncompatible
            | Self::DataNewerThanProgram
            | Self::DataLocked
            | Self::DataCorrupt => Weight::Root,
            Self::PermissionDenied
            | Self::TooManyOpenFiles
            | Self::ProgramMissing
            | Self::AddressInUse
            | Self::SecretFileMissing
            | Self::SettingMissing
            | Self::BadConfig
            | Self::CertificateUntrusted
            | Self::CertificateBroken
            | Self::DatabaseLoginRefused
            | Self::DatabasePermissionDenied
            | Self::DatabaseMissing => Weight::Plain,
            Self::NameNotResolved | Self::NeighbourRefused | Self::OutsideUnreachable => Weight::Elsewhere,
            Self::MigrationFailed => Weight::Step,
            Self::RelationMissing => Weight::Symptom,
        }
    }
}
