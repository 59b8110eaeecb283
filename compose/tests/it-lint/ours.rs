//! Rules about backups, networks, mounts, ports, updates and routes.

use domain::event::Severity;

use crate::case::cases;
use crate::sample::{Sample, good};

/// A database with a volume, backed up with these labels.
fn database(labels: &str) -> Sample {
    let lines: Vec<String> = labels.lines().map(|line| format!("        - {line}\n")).collect();
    good().compose(&format!(
        "services:\n  db:\n    image: postgres:16.4.0\n    volumes:\n      - pg:/var/lib/postgresql/data # <-\n    \
         deploy:\n      labels:\n{}volumes: {{pg: }}\n",
        lines.concat()
    ))
}

/// Two services, of which `caddy` is on the shared network and has these lines.
fn neighbours(lines: &str) -> Sample {
    let lines: Vec<String> = lines.lines().map(|line| format!("    {line}\n")).collect();
    good().compose(&format!(
        "services:\n  caddy:\n    image: caddy:2.6.2\n    networks: [proxy, internal]\n{}  app:\n    image: a:1.2.3\n    \
         networks: [internal]\n  db:\n    image: a:1.2.3\n    networks: [internal]\n\
         networks:\n  internal:\n  proxy: {{external: true}}\nconfigs: {{caddyfile: {{file: Caddyfile, name: x}}}}\n",
        lines.concat()
    ))
}

/// A web service with these labels.
fn routed(labels: &str) -> Sample {
    let lines: Vec<String> = labels.lines().map(|line| format!("        - {line}\n")).collect();
    good().compose(&format!(
        "services:\n  app:\n    image: a:1.2.3\n    deploy:\n      labels:\n        - traefik.enable=true\n        \
         - traefik.http.services.${{STACK_NAME}}.loadbalancer.server.port=80\n{}",
        lines.concat()
    ))
}

const TWO_FILES: &[&str] = &["compose.yml", "compose.more.yml"];

cases! {
    cc_077_s002_a_live_database_directory_in_the_backup_is_told: "S002",
        breaks database("backupbot.backup=true"),
        holds database("backupbot.backup=true\nbackupbot.backup.volumes.pg.path=backup.sql");
    s002_a_dump_beside_the_live_files_does_not_help: "S002",
        breaks database("backupbot.backup=true\nbackupbot.backup.pre-hook=pg_dump -f /var/lib/postgresql/data/x.sql"),
        holds database("backupbot.backup=true\nbackupbot.backup.volumes.pg=false");
    s002_the_path_label_of_the_first_bot_is_no_limit: "S002",
        breaks database("backupbot.backup=true\nbackupbot.backup.path=/var/lib/postgresql/data/backup.sql"),
        holds database("backupbot.backup=false");
    s002_a_limit_that_is_the_directory_itself_is_told_where_it_stands: "S002",
        breaks good().compose(
            "services:\n  db:\n    image: mariadb:11.4.2\n    volumes: [db:/var/lib/mysql]\n    deploy:\n      labels:\n        \
             - backupbot.backup=true\n        - backupbot.backup.volumes.db.path=. # <-\nvolumes: {db: }\n"),
        holds database("backupbot.backup=true\nbackupbot.backup.volumes.pg.path=backup.sql,wal.tar");
    cc_077_s003_a_dump_that_nothing_loads_is_told: "S003",
        breaks database("backupbot.backup=true\nbackupbot.backup.pre-hook=/pg_backup.sh backup").at("compose.yml", 9),
        holds database("backupbot.backup=true\nbackupbot.backup.pre-hook=/pg_backup.sh backup\n\
                        backupbot.restore.post-hook=/pg_backup.sh restore");
    s003_a_hook_that_only_pauses_the_app_needs_no_restore: "S003",
        breaks database("backupbot.backup.pre-hook=mysqldump blog > /var/lib/x.sql").at("compose.yml", 8),
        holds database("backupbot.backup.pre-hook=occ maintenance:mode --on");
    s004_a_label_beside_the_volumes_is_told: "S004",
        breaks good().compose(
            "services:\n  app:\n    image: a:1.2.3\n    deploy:\n      labels:\n        - backupbot.backup=true # <-\n  \
             db:\n    image: a:1.2.3\n    volumes: [db:/db]\nvolumes: {db: }\n"),
        holds good().compose(
            "services:\n  app:\n    image: a:1.2.3\n    deploy:\n      labels:\n        - backupbot.backup=true\n  \
             db:\n    image: a:1.2.3\n    volumes: [db:/db]\n    deploy: {labels: [backupbot.backup=true]}\nvolumes: {db: }\n");
    s004_a_label_of_the_container_is_told: "S004",
        breaks good().app("image: a:1.2.3\nlabels:\n  backupbot.backup: 'true' # <-"),
        holds good();
    cc_078_s005_a_bare_name_on_the_shared_network_is_told: "S005",
        breaks neighbours("environment:\n  - UPSTREAM=app # <-"),
        holds neighbours("environment:\n  - UPSTREAM=${STACK_NAME}_app\n  - POSTGRES_DB=app");
    cc_091_s005_a_bare_name_in_a_config_is_told_in_the_config: "S005",
        breaks neighbours("configs: [caddyfile]").file("Caddyfile", "https:// {\n\treverse_proxy app:3000 # <-\n}\n"),
        holds neighbours("configs: [caddyfile]").file("Caddyfile", "# app:3000\nreverse_proxy app-internal:3000\n");
    s005_a_bare_name_in_a_command_is_told: "S005",
        breaks neighbours("command: caddy reverse-proxy --to http://app:3000 # <-"),
        holds neighbours("command: caddy reverse-proxy --to http://app.example.org");
    s005_a_database_is_rarely_on_it_and_is_information: "S005",
        breaks neighbours("environment:\n  DB_HOST: db # <-").severity(Severity::Info),
        holds neighbours("environment:\n  MODE: db");
    s005_a_service_that_is_only_on_its_own_network_may: "S005",
        breaks neighbours("environment:\n  APP_URL: http://app # <-"),
        holds good().compose(
            "services:\n  web:\n    image: a:1.2.3\n    environment: {APP_URL: 'http://app'}\n  app:\n    image: a:1.2.3\n");
    cc_080_s006_a_config_inside_the_apps_volume_is_told: "S006",
        breaks good().compose(
            "services:\n  app:\n    image: a:1.2.3\n    volumes: [data:/config]\n    configs:\n      - source: xml # <-\n        \
             target: /config/config.xml\nvolumes: {data: }\nconfigs: {xml: {file: settings.ini}}\n"),
        holds good().compose(
            "services:\n  app:\n    image: a:1.2.3\n    volumes: [data:/config]\n    configs:\n      - source: xml\n        \
             target: /config.xml\nvolumes: {data: }\nconfigs: {xml: {file: settings.ini}}\n");
    s011_a_port_that_the_merge_loses_is_told_in_its_file: "S011",
        breaks good().select(TWO_FILES)
            .app("image: a:1.2.3\nports:\n  - 64738:64738/tcp # <-\n  - 64738:64738/udp")
            .file("compose.more.yml", "services:\n  app:\n    ports: ['80:80']\n"),
        holds good().app("image: a:1.2.3\nports:\n  - 64738:64738/tcp\n  - 64738:64738/udp");
    s011_a_port_that_a_later_file_replaces_is_not_lost: "S011",
        breaks good().select(TWO_FILES)
            .app("image: a:1.2.3\nports:\n  - target: 53\n    published: 53\n    protocol: tcp\n    mode: host")
            .file("compose.more.yml", "services:\n  app:\n    ports:\n      - 53:53/udp\n").at("compose.yml", 5),
        holds good().select(TWO_FILES)
            .app("image: a:1.2.3\nports: ['53:53']")
            .file("compose.more.yml", "services:\n  app:\n    ports:\n      - 53:5353\n");
    s013_a_router_that_traefik_drops_is_told: "S013",
        breaks routed("traefik.http.routers.${STACK_NAME}.rule=Hots(`${DOMAIN}`) # <-"),
        holds good();
    s013_a_middleware_that_is_not_there_is_told: "S013",
        breaks routed("traefik.http.routers.${STACK_NAME}.rule=Host(`${DOMAIN}`)\n\
                       traefik.http.routers.${STACK_NAME}.middlewares=gone # <-"),
        holds routed("traefik.http.routers.${STACK_NAME}.rule=Host(`${DOMAIN}`)");
    s014_a_route_to_another_domain_is_told: "S014",
        breaks routed("traefik.http.routers.${STACK_NAME}.rule=Host(`blog.example.net`) # <-"),
        holds routed("traefik.http.routers.${STACK_NAME}.rule=Host(`${DOMAIN}`, `www.${DOMAIN}`)");
    s014_a_name_inside_tls_counts_too: "S014",
        breaks routed("traefik.tcp.services.${STACK_NAME}.loadbalancer.server.port=443\n\
                       traefik.tcp.routers.${STACK_NAME}.rule=HostSNI(`x.example.net`) # <-\n\
                       traefik.tcp.routers.${STACK_NAME}.tls.passthrough=true"),
        holds routed("traefik.tcp.services.${STACK_NAME}.loadbalancer.server.port=443\n\
                      traefik.tcp.routers.${STACK_NAME}.rule=HostSNI(`${DOMAIN}`)\n\
                      traefik.tcp.routers.${STACK_NAME}.tls.passthrough=true");
    s014_subdomains_alone_are_information: "S014",
        breaks routed("traefik.http.routers.${STACK_NAME}.rule=Host(`a.${DOMAIN}`) # <-").severity(Severity::Info),
        holds routed("traefik.http.routers.${STACK_NAME}.rule=Host(`a.${DOMAIN}`) || Host(`${DOMAIN}`)");
    s015_a_monitor_that_ends_before_the_healthcheck_can_fail_is_told: "S015",
        breaks good().app("image: a:1.2.3\nhealthcheck: {test: [CMD, x], interval: 2s, retries: 5, start_period: 10s}\n\
                           deploy:\n  update_config:\n    monitor: 19s # <-"),
        holds good().app("image: a:1.2.3\nhealthcheck: {test: [CMD, x], interval: 2s, retries: 5, start_period: 10s}\n\
                          deploy:\n  update_config:\n    monitor: 20s");
    s015_the_default_of_the_monitor_is_information: "S015",
        breaks good().app("image: a:1.2.3\nhealthcheck: {test: [CMD, x]}\ndeploy:\n  update_config: # <-\n    \
                           failure_action: rollback").severity(Severity::Info),
        holds good().app("image: a:1.2.3\nhealthcheck: {test: [CMD, x]}\ndeploy:\n  update_config:\n    order: start-first");
    s016_a_main_service_that_is_never_restarted_is_told: "S016",
        breaks good().app("image: a:1.2.3\ndeploy:\n  restart_policy:\n    condition: none # <-"),
        holds good().app("image: a:1.2.3\ndeploy:\n  restart_policy:\n    condition: any");
    s016_on_failure_is_information: "S016",
        breaks good().app("image: a:1.2.3\nrestart: on-failure # <-").severity(Severity::Info),
        holds good().compose("services: {migrate: {image: 'a:1.2.3', deploy: {restart_policy: {condition: on-failure}}}}");
    s017_a_volume_that_is_not_declared_is_told: "S017",
        breaks good().app("image: a:1.2.3\nvolumes:\n  - data:/data # <-"),
        holds good();
    s017_a_secret_that_is_not_declared_is_told: "S017",
        breaks good().app("image: a:1.2.3\nsecrets:\n  - source: key # <-\n    target: /key"),
        holds good();
    s017_a_volume_that_nothing_mounts_is_information: "S017",
        breaks good().compose("services: {app: {image: 'a:1.2.3'}}\nvolumes:\n  data: # <-").severity(Severity::Info),
        holds good().compose("services: {app: {image: 'a:1.2.3'}}\nvolumes:\n  data:")
            .file("compose.more.yml", "services: {app: {volumes: ['data:/data']}}");
    s020_a_port_on_every_node_is_information: "S020",
        breaks good().app("image: a:1.2.3\nports:\n  - 7835:7835 # <-"),
        holds good().app("image: a:1.2.3\nports:\n  - {target: 7835, published: 7835, mode: host}");
    s022_a_service_without_a_memory_limit_is_information: "S022",
        breaks good().compose("services:\n  app: # <-\n    image: a:1.2.3"),
        holds good();
    s023_an_ingress_port_without_a_virtual_address_is_told: "S023",
        breaks good().app("image: a:1.2.3\ndeploy: {endpoint_mode: dnsrr}\nports:\n  - 80:80 # <-"),
        holds good().app("image: a:1.2.3\ndeploy: {endpoint_mode: dnsrr}\nports: [{target: 80, published: 80, mode: host}]");
    s024_a_word_that_the_engine_refuses_is_told: "S024",
        breaks good().app("image: a:1.2.3\ndeploy:\n  restart_policy:\n    condition: unless-stopped # <-"),
        holds good().app("image: a:1.2.3\nrestart: unless-stopped\ndeploy: {mode: global, endpoint_mode: VIP}");
    /// Measured on engine 20.10.24: what else looks wrong is accepted.
    s024_a_rollback_may_roll_back: "S024",
        breaks good().app("image: a:1.2.3\ndeploy:\n  update_config:\n    failure_action: stop # <-"),
        holds good().app("image: a:1.2.3\ndeploy:\n  rollback_config:\n    failure_action: rollback");
    s024_a_global_service_with_replicas_is_told: "S024",
        breaks good().app("image: a:1.2.3\ndeploy:\n  mode: global\n  replicas: 2 # <-"),
        holds good().app("image: a:1.2.3\ndeploy:\n  mode: replicated\n  replicas: 2");
    s025_a_port_of_the_host_cannot_be_taken_twice: "S025",
        breaks good().app("image: a:1.2.3\nports: [{target: 80, published: 80, mode: host}]\ndeploy:\n  update_config:\n    \
                           order: start-first # <-"),
        holds good().app("image: a:1.2.3\nports: ['80:80']\ndeploy:\n  update_config:\n    order: start-first");
    s025_two_database_servers_cannot_share_their_files: "S025",
        breaks good().app("image: mysql:8.4.0\nvolumes: [db:/var/lib/mysql]\ndeploy:\n  update_config:\n    \
                           order: start-first # <-"),
        holds good().app("image: mysql:8.4.0\nvolumes: [db:/var/lib/mysql]\ndeploy:\n  update_config:\n    order: stop-first");
    s028_a_router_of_every_stack_is_told: "S028",
        breaks routed("traefik.http.routers.blog.rule=Host(`${DOMAIN}`) # <-"),
        holds routed("traefik.http.routers.${STACK_NAME}-api.rule=Host(`${DOMAIN}`)");
    s030_the_label_of_the_first_backup_bot_is_told: "S030",
        breaks good().app("image: a:1.2.3\ndeploy:\n  labels:\n    - backupbot.backup.path=/data # <-"),
        holds good();
    s031_a_volume_of_one_letter_is_told: "S031",
        breaks good().compose("services:\n  app:\n    image: a:1.2.3\n    volumes:\n      - d:/d # <-\nvolumes: {d: }\n"),
        holds good().compose("services:\n  app:\n    image: a:1.2.3\n    volumes: ['data:/d']\nvolumes: {data: }\n");
}
