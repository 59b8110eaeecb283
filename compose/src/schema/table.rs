//! Every key of versions 3.0 to 3.13 and what it may hold, as CLI 28.2.2 checks it.

use super::shape::Shape::{
    Bool, Choice, Duration, Fields as Map, List, Names as Free, Natural, Null, Number, OneOf, Since, Text,
    Whole,
};
use super::shape::{Field, Fields, Names, Others, Repeats, Shape, extensible, key, lax, since, strict};

/// Newest version, also meant by `3`, by an empty version and by none.
pub(super) const NEWEST: u8 = 13;

/// The whole file.
pub(super) static ROOT: Fields = Fields {
    keys: &[
        key("version", Text),
        key("services", Free(Names::Plain, &Map(&SERVICE))),
        key("networks", Free(Names::PlainOrUnchecked, &NETWORK)),
        key("volumes", Free(Names::Plain, &VOLUME)),
        since(1, "secrets", Free(Names::Plain, &Map(&SECRET))),
        since(3, "configs", Free(Names::Plain, &Map(&CONFIG))),
    ],
    required: &[],
    others: Others::Extensions(4),
};

static TEXTS: Shape = List(&Text, Repeats::Allowed);
static TEXT_SET: Shape = List(&Text, Repeats::Refused);
static TEXT_OR_LIST: Shape = OneOf(&[Text, List(&Text, Repeats::Allowed)]);
static LIST_OR_MAP: Shape =
    OneOf(&[Free(Names::Full, &OneOf(&[Text, Number, Null])), List(&Text, Repeats::Refused)]);
static OPTIONS: Shape = Free(Names::FullOrUnchecked, &OneOf(&[Text, Number]));

/// One service.
pub(super) static SERVICE: Fields =
    Fields { keys: SERVICE_KEYS, required: &[], others: Others::Extensions(7) };

static SERVICE_KEYS: &[Field] = &[
    key("build", OneOf(&[Text, Map(&BUILD)])),
    key("cap_add", List(&Text, Repeats::Refused)),
    key("cap_drop", List(&Text, Repeats::Refused)),
    key("cgroup_parent", Text),
    since(9, "cgroupns_mode", Text),
    key("command", OneOf(&[Text, List(&Text, Repeats::Allowed)])),
    since(3, "configs", List(&REFERENCE, Repeats::Allowed)),
    key("container_name", Text),
    since(3, "credential_spec", Map(&CREDENTIAL_SPEC)),
    key("depends_on", List(&Text, Repeats::Refused)),
    key("deploy", OneOf(&[Map(&DEPLOY), Null])),
    key("devices", List(&Text, Repeats::Refused)),
    key("dns", OneOf(&[Text, List(&Text, Repeats::Refused)])),
    key("dns_search", OneOf(&[Text, List(&Text, Repeats::Refused)])),
    key("domainname", Text),
    key("entrypoint", OneOf(&[Text, List(&Text, Repeats::Allowed)])),
    key("env_file", OneOf(&[Text, List(&Text, Repeats::Refused)])),
    key("environment", Since(0, &LIST_OR_MAP)),
    key("expose", List(&OneOf(&[Text, Number]), Repeats::Refused)),
    key("external_links", List(&Text, Repeats::Refused)),
    key("extra_hosts", Since(0, &LIST_OR_MAP)),
    key("healthcheck", Map(&HEALTHCHECK)),
    key("hostname", Text),
    key("image", Text),
    since(7, "init", Bool),
    key("ipc", Text),
    since(5, "isolation", Text),
    key("labels", Since(0, &LIST_OR_MAP)),
    key("links", List(&Text, Repeats::Refused)),
    key("logging", Map(&LOGGING)),
    key("mac_address", Text),
    key("network_mode", Text),
    key(
        "networks",
        OneOf(&[List(&Text, Repeats::Refused), Free(Names::Plain, &OneOf(&[Map(&ATTACHMENT), Null]))]),
    ),
    since(13, "oom_score_adj", Whole),
    key("pid", OneOf(&[Text, Null])),
    key("ports", List(&OneOf(&[Number, Text, Since(2, &Map(&PORT))]), Repeats::Refused)),
    key("privileged", Bool),
    key("read_only", Bool),
    key("restart", Text),
    since(1, "secrets", List(&REFERENCE, Repeats::Allowed)),
    key("security_opt", List(&Text, Repeats::Refused)),
    key("shm_size", OneOf(&[Number, Text])),
    key("stdin_open", Bool),
    key("stop_grace_period", Duration),
    key("stop_signal", Text),
    key("sysctls", Since(0, &LIST_OR_MAP)),
    key("tmpfs", OneOf(&[Text, List(&Text, Repeats::Refused)])),
    key("tty", Bool),
    key("ulimits", Free(Names::SmallOrUnchecked, &OneOf(&[Whole, Map(&ULIMIT)]))),
    key("user", Text),
    key("userns_mode", Text),
    key("volumes", List(&OneOf(&[Text, Since(2, &Map(&MOUNT))]), Repeats::RefusedBefore(2))),
    key("working_dir", Text),
];

static BUILD: Fields = Fields {
    keys: &[
        key("context", Text),
        key("dockerfile", Text),
        key("args", Since(0, &LIST_OR_MAP)),
        since(3, "labels", Since(0, &LIST_OR_MAP)),
        since(2, "cache_from", Since(0, &TEXT_SET)),
        since(4, "network", Text),
        since(4, "target", Text),
        since(5, "shm_size", OneOf(&[Whole, Text])),
        since(9, "extra_hosts", Since(0, &LIST_OR_MAP)),
    ],
    required: &[],
    others: Others::IgnoredSince(11),
};

/// A service's use of a secret or config.
static REFERENCE: Shape = OneOf(&[
    Text,
    Map(&lax(&[
        key("source", Text),
        key("target", Text),
        key("uid", Text),
        key("gid", Text),
        key("mode", Number),
    ])),
]);

static CREDENTIAL_SPEC: Fields =
    strict(&[since(8, "config", Text), key("file", Text), key("registry", Text)]);

static HEALTHCHECK: Fields = strict(&[
    key("disable", Bool),
    key("interval", Duration),
    key("retries", Number),
    since(12, "start_interval", Duration),
    since(4, "start_period", Duration),
    key("test", Since(0, &TEXT_OR_LIST)),
    key("timeout", Duration),
]);

static LOGGING: Fields = strict(&[
    key("driver", Text),
    key("options", Free(Names::FullOrUnchecked, &OneOf(&[Text, Number, Null]))),
]);

static ATTACHMENT: Fields = strict(&[
    key("aliases", Since(0, &TEXT_SET)),
    since(13, "driver_opts", Since(0, &OPTIONS)),
    key("ipv4_address", Text),
    key("ipv6_address", Text),
]);

static PORT: Fields =
    strict(&[key("mode", Text), key("target", Whole), key("published", Whole), key("protocol", Text)]);

static ULIMIT: Fields = Fields {
    keys: &[key("soft", Whole), key("hard", Whole)],
    required: &["soft", "hard"],
    others: Others::Refused,
};

static MOUNT: Fields = Fields {
    keys: &[
        key("type", Text),
        key("source", Text),
        key("target", Text),
        key("read_only", Bool),
        key("consistency", Text),
        key("bind", Map(&lax(&[key("propagation", Text)]))),
        key("volume", Map(&lax(&[key("nocopy", Bool)]))),
        since(6, "tmpfs", Map(&lax(&[key("size", Natural)]))),
    ],
    required: &["type"],
    others: Others::Refused,
};

static DEPLOY: Fields = strict(&[
    key("mode", Text),
    since(2, "endpoint_mode", Text),
    key("replicas", Whole),
    key("labels", Since(0, &LIST_OR_MAP)),
    since(7, "rollback_config", Map(&UPDATE)),
    key("update_config", Map(&UPDATE)),
    key(
        "resources",
        Map(&strict(&[
            key("limits", Map(&strict(&[key("cpus", Text), key("memory", Text), since(9, "pids", Whole)]))),
            key(
                "reservations",
                Map(&strict(&[
                    key("cpus", Text),
                    key("memory", Text),
                    since(5, "generic_resources", Since(0, &GENERIC)),
                ])),
            ),
        ])),
    ),
    key(
        "restart_policy",
        Map(&strict(&[
            key("condition", Text),
            key("delay", Duration),
            key("max_attempts", Whole),
            key("window", Duration),
        ])),
    ),
    key(
        "placement",
        Map(&strict(&[
            key("constraints", Since(0, &TEXTS)),
            since(3, "preferences", List(&Map(&strict(&[key("spread", Text)])), Repeats::Allowed)),
            since(8, "max_replicas_per_node", Whole),
        ])),
    ),
]);

static UPDATE: Fields = strict(&[
    key("parallelism", Whole),
    key("delay", Duration),
    key("failure_action", Text),
    key("monitor", Duration),
    key("max_failure_ratio", Number),
    since(4, "order", Choice(&["start-first", "stop-first"])),
]);

static GENERIC: Shape = List(
    &Map(&strict(&[key("discrete_resource_spec", Map(&strict(&[key("kind", Text), key("value", Number)])))])),
    Repeats::Allowed,
);

static STRICT_EXTERNAL: Shape = OneOf(&[Bool, Map(&strict(&[key("name", Text)]))]);
static LAX_EXTERNAL: Shape = OneOf(&[Bool, Map(&lax(&[key("name", Text)]))]);

static NETWORK: Shape = OneOf(&[Map(&NETWORK_FIELDS), Null]);

static NETWORK_FIELDS: Fields = extensible(&[
    since(5, "name", Text),
    key("driver", Text),
    key("driver_opts", Since(0, &OPTIONS)),
    key(
        "ipam",
        Map(&strict(&[
            key("driver", Text),
            key("config", List(&Map(&strict(&[key("subnet", Text)])), Repeats::Allowed)),
        ])),
    ),
    key("external", Since(0, &STRICT_EXTERNAL)),
    key("internal", Bool),
    since(2, "attachable", Bool),
    key("labels", Since(0, &LIST_OR_MAP)),
]);

static VOLUME: Shape = OneOf(&[Map(&VOLUME_FIELDS), Null]);

static VOLUME_FIELDS: Fields = extensible(&[
    since(4, "name", Text),
    key("driver", Text),
    key("driver_opts", Since(0, &OPTIONS)),
    key("external", Since(0, &STRICT_EXTERNAL)),
    key("labels", Since(0, &LIST_OR_MAP)),
    since(10, "x-cluster-spec", Map(&CLUSTER_SPEC)),
]);

static CLUSTER_SPEC: Fields = lax(&[
    key("group", Text),
    key(
        "access_mode",
        Map(&lax(&[
            key("scope", Text),
            key("sharing", Text),
            key("mount_volume", Map(&lax(&[key("fs_type", Text), key("mount_flags", Since(0, &TEXTS))]))),
            key("block_volume", Map(&lax(&[]))),
        ])),
    ),
    key(
        "accessibility_requirements",
        Map(&lax(&[
            key("requisite", List(&Map(&lax(&[key("segments", Since(0, &LIST_OR_MAP))])), Repeats::Allowed)),
            key("preferred", List(&Map(&lax(&[key("segments", Since(0, &LIST_OR_MAP))])), Repeats::Allowed)),
        ])),
    ),
    key("capacity_range", Map(&lax(&[key("required_bytes", Text), key("limit_bytes", Text)]))),
    key("availability", Text),
]);

static SECRET: Fields = extensible(&[
    since(5, "name", Text),
    key("file", Text),
    key("external", Since(0, &LAX_EXTERNAL)),
    key("labels", Since(0, &LIST_OR_MAP)),
    since(8, "driver", Text),
    since(8, "driver_opts", Since(0, &OPTIONS)),
    since(8, "template_driver", Text),
]);

static CONFIG: Fields = extensible(&[
    since(5, "name", Text),
    key("file", Text),
    key("external", Since(0, &LAX_EXTERNAL)),
    key("labels", Since(0, &LIST_OR_MAP)),
    since(8, "template_driver", Text),
]);
