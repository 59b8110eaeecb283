//! The shapes that public recipes have, in words of our own: what lint says of each, so that a rule that cries wolf
//! is seen here. Information is left out.

use std::collections::BTreeMap;

use compose::lint::{Policy, RecipeText, TagKind, TagText, lint, severity_word};
use compose::recipe::{EnvironmentInput, abra_sh, choose_files, env_sample, environment};
use domain::StackName;
use domain::event::Severity;

use crate::sample::{good, today};

/// Lints a recipe of these files as a trusted release, and prints what is worse than information.
fn told(tag: &str, files: &[(&str, &str)]) -> String {
    let mut files: BTreeMap<String, String> =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    files.entry("README.md".to_owned()).or_insert_with(|| good().recipe.files["README.md"].clone());
    let text = |name: &str| files.get(name).map_or("", String::as_str);
    let input = EnvironmentInput {
        sample: &env_sample::parse(".env.sample", text(".env.sample")),
        overlay: &BTreeMap::new(),
        abra_sh: &abra_sh::parse("abra.sh", text("abra.sh")),
        stack: &StackName::parse("run-00c0ffeea_ci_example_org").unwrap(),
        domain: "run-00c0ffeea.ci.example.org",
    };
    let env = environment(&input);
    let selected = choose_files(&env, (".env.sample", 0), &|file| files.contains_key(file)).unwrap();
    let recipe = RecipeText {
        files,
        selected,
        env,
        stacks: vec!["warm-recipe_ci_example_org".to_owned()],
        tags: vec![TagText { name: tag.to_owned(), kind: TagKind::Annotated }],
        version: Some(tag.to_owned()),
        ..RecipeText::default()
    };
    let report = lint(&recipe, &Policy::trusted(today(), "proxy"));
    let lines = report
        .findings
        .iter()
        .filter(|finding| finding.severity > Severity::Info)
        .map(|f| format!("{} {} {}:{} {}\n", severity_word(f.severity), f.rule, f.file, f.line, f.says));
    lines.collect()
}

/// Anchors, an overlay in a folder, an image of several variables, a dump that is loaded again.
#[test]
fn a_large_recipe_with_overlays_and_anchors() {
    let compose = r#"version: "3.8"
x-postgres-env: &postgres-env
  POSTGRES_DB: social_db
  POSTGRES_USER: postgres
services:
  app:
    image: registry.example.org/social/app:${APP_VERSION}-${FLAVOUR}-${ARCH}
    environment:
      <<: *postgres-env
      POSTGRES_HOST: ${STACK_NAME}_db
      HOSTNAME: ${DOMAIN}
      SEARCH_URL: http://${STACK_NAME}_search:7700
    secrets: [postgres_pw, secret_key]
    configs: [{source: app_entrypoint, target: /docker-entrypoint.sh, mode: 0555}]
    entrypoint: ["/docker-entrypoint.sh"]
    networks: [proxy, internal]
    volumes: ["upload-data:/opt/app/data"]
    tmpfs: ["/tmp:size=1024M^"]
    healthcheck: {test: ["CMD", "curl", "-f", "http://localhost:4000"], interval: 30s, start_period: 5m}
    deploy:
      restart_policy: {condition: on-failure}
      labels:
        - "backupbot.backup=${ENABLE_BACKUPS:-true}"
        - "coop-cloud.${STACK_NAME}.version=2.0.1+1.0.6-social-amd64"
        - "coop-cloud.${STACK_NAME}.timeout=${TIMEOUT:-300}"
        - "traefik.enable=true"
        - "traefik.docker.network=proxy"
        - "traefik.http.services.${STACK_NAME}.loadbalancer.server.port=4000"
        - "traefik.http.routers.${STACK_NAME}.rule=Host(`${DOMAIN}`${EXTRA_DOMAINS})"
        - "traefik.http.routers.${STACK_NAME}.entrypoints=web-secure"
        - "traefik.http.routers.${STACK_NAME}.tls.certresolver=${LETS_ENCRYPT_ENV}"
        - "traefik.http.routers.${STACK_NAME}.middlewares=${STACK_NAME}-redirect"
        - "traefik.http.middlewares.${STACK_NAME}-redirect.redirectscheme.scheme=https"
  db:
    image: ${DB_IMAGE:-postgres:17.2-alpine}
    environment:
      <<: *postgres-env
      POSTGRES_PASSWORD_FILE: /run/secrets/postgres_pw
    secrets: [postgres_pw]
    configs: [{source: pg_backup, target: /pg_backup.sh, mode: 0555}]
    networks: [internal]
    volumes: ["db-data:/var/lib/postgresql/data"]
    healthcheck: {test: "pg_isready -U postgres", interval: 15s}
    deploy:
      labels:
        backupbot.backup: "${ENABLE_BACKUPS:-true}"
        backupbot.backup.pre-hook: "/pg_backup.sh backup"
        backupbot.backup.volumes.db-data.path: "backup.sql"
        backupbot.restore.post-hook: "/pg_backup.sh restore"
networks:
  proxy: {external: true}
  internal:
volumes:
  db-data:
  upload-data:
configs:
  app_entrypoint:
    name: ${STACK_NAME}_app_entrypoint_${APP_ENTRYPOINT_VERSION:-v3}
    file: entrypoint.sh.tmpl
    template_driver: golang
  pg_backup:
    name: ${STACK_NAME}_pg_backup_${PG_BACKUP_VERSION}
    file: pg_backup.sh
secrets:
  postgres_pw: {external: true, name: "${STACK_NAME}_postgres_pw_${SECRET_POSTGRES_PW_VERSION}"}
  secret_key: {external: true, name: "${STACK_NAME}_secret_key_${SECRET_SECRET_KEY_VERSION}"}
"#;
    let tune = r#"version: "3.8"
services:
  db:
    command: postgres -c config_file=/etc/postgresql.conf
    configs: [{source: pg_conf, target: /etc/postgresql.conf}]
configs:
  pg_conf: {name: "${STACK_NAME}_pg_conf_${PG_CONF_VERSION}", file: postgres/postgresql.conf}
"#;
    let sample = r#"TYPE=social
DOMAIN=social.example.com
# EXTRA_DOMAINS=", `www.social.example.com`"
LETS_ENCRYPT_ENV=production
COMPOSE_FILE="compose.yml"
COMPOSE_FILE="$COMPOSE_FILE:postgres/compose.postgres.tune.yml"
FLAVOUR=social
APP_VERSION=1.0.6
ARCH=amd64
#DB_IMAGE=postgis/postgis:17-3.5
#ENABLE_BACKUPS=true
#TIMEOUT=300
SECRET_POSTGRES_PW_VERSION=v1
SECRET_SECRET_KEY_VERSION=v1 # length=128
"#;
    let files = [
        ("compose.yml", compose),
        ("postgres/compose.postgres.tune.yml", tune),
        ("postgres/postgresql.conf", "shared_buffers = 1GB\n"),
        ("entrypoint.sh.tmpl", "#!/bin/sh\nexport KEY=$(cat /run/secrets/secret_key)\n"),
        ("pg_backup.sh", "#!/bin/sh\n"),
        (".env.sample", sample),
        (
            "abra.sh",
            "export APP_ENTRYPOINT_VERSION=v4\nexport PG_BACKUP_VERSION=v2\nexport PG_CONF_VERSION=v1\n",
        ),
    ];
    insta::assert_snapshot!(told("2.0.1+1.0.6-social-amd64", &files), @r#"
    warning S008 compose.yml:7 the image of service `app` comes from what `.env.sample` sets: `APP_VERSION` (line 8), `ARCH` (line 9), `FLAVOUR` (line 7)
    "#);
}

/// The web server is the main service, images follow `latest`, the version comes from a variable.
#[test]
fn a_recipe_whose_front_is_another_service() {
    let compose = r#"version: "3.8"
services:
  web:
    image: nginx:1.27.3-alpine
    configs: [{source: nginx_conf, target: /etc/nginx/nginx.conf}]
    networks: [proxy, internal]
    healthcheck: {test: ["CMD", "wget", "-q", "--spider", "http://localhost"]}
    deploy:
      labels:
        - "traefik.enable=true"
        - "traefik.http.routers.${STACK_NAME}.rule=Host(`${DOMAIN}`)"
        - "traefik.http.routers.${STACK_NAME}.entrypoints=web-secure"
        - "traefik.http.routers.${STACK_NAME}.tls=true"
        - "traefik.http.services.${STACK_NAME}.loadbalancer.server.port=80"
        - "coop-cloud.${STACK_NAME}.version=${COOP_CLOUD_VERSION:-latest}"
  app:
    image: ghcr.io/example/hotline:latest
    environment: ["DATABASE_URL=postgresql://app@db:5432/app", "S3_ENDPOINT=http://minio:9000"]
    networks: [internal]
    healthcheck: {test: ["CMD", "true"]}
  minio:
    image: minio/minio:RELEASE.2024-11-07T00-52-20Z
    networks: [internal]
    volumes: ["minio:/data"]
    healthcheck: {test: ["CMD", "mc", "ready", "local"]}
    deploy: {labels: ["backupbot.backup=true", "backupbot.backup.path=/data"]}
networks: {proxy: {external: true}, internal: {internal: true}}
volumes: {minio: {}}
configs:
  nginx_conf: {name: "${STACK_NAME}_nginx_conf_${NGINX_CONF_VERSION}", file: nginx.conf.tmpl, template_driver: golang}
"#;
    let nginx = "events {}\nhttp {\n  upstream backend { server app:8080; }\n}\n";
    let files = [
        ("compose.yml", compose),
        ("nginx.conf.tmpl", nginx),
        (".env.sample", "TYPE=hotline\nDOMAIN=hotline.example.com\nLETS_ENCRYPT_ENV=production\n"),
        ("abra.sh", "export NGINX_CONF_VERSION=v1\n"),
    ];
    insta::assert_snapshot!(told("0.3.0+0.18.0", &files), @r#"
    warning S019 compose.yml:15 the version label is `latest`, and the release is tagged `0.3.0+0.18.0`
    warning R004 compose.yml:17 the image `ghcr.io/example/hotline:latest` of service `app` follows development
    warning R005 compose.yml:22 the tag `RELEASE.2024-11-07T00-52-20Z` of service `minio`'s image does not begin like a version
    warning S005 nginx.conf.tmpl:3 service `web` is on the shared network `proxy` and addresses `app` by its bare name (config `nginx_conf`): other stacks may answer
    "#);
}

/// A job of the node: no domain, the engine's socket, the host's files, started by a timer.
#[test]
fn a_recipe_that_watches_its_host() {
    let compose = r#"version: "3.8"
services:
  app:
    image: example/monitor:1.0.4
    environment: ["CRON=${CRON_SCHEDULE}", "MOUNTS=${MOUNTS}"]
    volumes: ["/:/host:ro", "/var/run/docker.sock:/var/run/docker.sock:ro"]
    configs: [{source: healthcheck, target: /healthcheck.sh, mode: 0555}]
    networks: [proxy]
    deploy:
      mode: replicated
      replicas: 0
      labels:
        - "coop-cloud.${STACK_NAME}.app=true"
        - "swarm.cronjob.enable=true"
        - "swarm.cronjob.schedule=${CRON_SCHEDULE}"
      restart_policy: {condition: none}
networks: {proxy: {external: true}}
configs: {healthcheck: {name: "${STACK_NAME}_healthcheck_${HEALTHCHECK_VERSION}", file: healthcheck.sh}}
"#;
    let sample =
        "TYPE=monitor\nCRON_SCHEDULE='*/5 * * * *'\nMOUNTS=/ /var/lib/docker\nHEALTHCHECK_VERSION=v1\n";
    let files = [("compose.yml", compose), (".env.sample", sample), ("healthcheck.sh", "#!/bin/sh\n")];
    insta::assert_snapshot!(told("0.1.0+1.0.4", &files), @r#"
    warning S019 compose.yml:2 no service has the version label
    warning R012 compose.yml:18 the version of config `healthcheck` is not in `abra.sh`; it comes from `.env.sample`, line 4: apps that exist keep it
    "#);
}

/// No version key, published ports, ten names, the version label without an upstream part.
#[test]
fn a_recipe_of_a_tunnel() {
    let compose = r#"services:
  app:
    image: ekzhang/bore:0.5.2
    command: server --secret ${SECRET}
    networks: [proxy]
    ports: ["7835:7835"]
    deploy:
      labels:
        - "traefik.enable=true"
        - "traefik.http.routers.${STACK_NAME}_a.rule=Host(`a.${DOMAIN}`)"
        - "traefik.http.routers.${STACK_NAME}_a.service=${STACK_NAME}_a"
        - "traefik.http.routers.${STACK_NAME}_a.tls=true"
        - "traefik.http.services.${STACK_NAME}_a.loadbalancer.server.port=9001"
        - "traefik.http.routers.${STACK_NAME}_b.rule=Host(`b.${DOMAIN}`)"
        - "traefik.http.routers.${STACK_NAME}_b.service=${STACK_NAME}_b"
        - "traefik.http.routers.${STACK_NAME}_b.tls=true"
        - "traefik.http.services.${STACK_NAME}_b.loadbalancer.server.port=9002"
        - "coop-cloud.${STACK_NAME}.version=0.0.1"
networks: {proxy: {external: true}}
"#;
    let files = [("compose.yml", compose), (".env.sample", "TYPE=bore\nDOMAIN=bore.example.com\nSECRET=\n")];
    insta::assert_snapshot!(told("0.0.1+0.5.2", &files), @r#"
    warning R001 compose.yml:0 there is no `version`
    warning R002 compose.yml:2 service `app` has no healthcheck
    warning S019 compose.yml:18 the version label is `0.0.1`, and the release is tagged `0.0.1+0.5.2`
    "#);
}

/// Wildcard rule, labels of 2021, several hosts with paths and priorities.
#[test]
fn a_recipe_of_2021() {
    let compose = r#"version: "3.8"
services:
  app:
    image: example/room:v2.1.0
    networks: [proxy]
    volumes: ["ssb:/ssb-go-room-secrets"]
    ports: [{target: 8008, published: 8008, mode: host}]
    healthcheck: {test: ["CMD", "curl", "http://localhost:3000/alive"]}
    deploy:
      update_config: {failure_action: rollback, order: start-first}
      labels:
        - "traefik.enable=true"
        - "traefik.http.services.${STACK_NAME}.loadbalancer.server.port=3000"
        - "traefik.http.routers.${STACK_NAME}.rule=Host(`${DOMAIN}`) || HostRegexp(`{alias:.+}.${DOMAIN}`)"
        - "traefik.http.routers.${STACK_NAME}.entrypoints=web-secure"
        - "traefik.http.routers.${STACK_NAME}.tls.certresolver=${LETS_ENCRYPT_ENV}"
        - "traefik.http.routers.${STACK_NAME}-api.rule=Host(`${DOMAIN}`, `beta.${DOMAIN}`) && PathPrefix(`/api`)"
        - "traefik.http.routers.${STACK_NAME}-api.priority=100"
        - "traefik.http.routers.${STACK_NAME}-api.tls=true"
        - "coop-cloud.${STACK_NAME}.app.version=v2.1.0-6ffd47d8"
networks: {proxy: {external: true}}
volumes: {ssb: {}}
"#;
    let files = [
        ("compose.yml", compose),
        (".env.sample", "TYPE=room\nDOMAIN=room.example.com\nLETS_ENCRYPT_ENV=production\n"),
    ];
    insta::assert_snapshot!(told("1.0.0+v2.1.0", &files), @r#"
    warning S025 compose.yml:10 service `app` starts its new task first, and port 8008 of the host is taken
    warning S013 compose.yml:14 service `app`: `traefik.http.routers.run-00c0ffeea_ci_example_org.rule=Host(`run-00c0ffeea.ci.example.org`) || HostRegexp(`{alias:.+}.run-00c0ffeea.ci.example.org`)`: the router is not served: at character 41: the matcher `HostRegexp` is not supported
    warning S019 compose.yml:20 the version label is in the form of 2021, one for each service
    "#);
}

/// PHP behind nginx, both on the shared network; a database of a moving tag with its files in the backup.
#[test]
fn a_php_recipe_with_a_database() {
    let compose = r#"version: "3.8"
services:
  app:
    image: php:8.3.14-fpm
    environment: ["DB_HOST=db", "DB_NAME=app", "DB_USER=app"]
    volumes: ["html:/var/www/html"]
    configs: [{source: php_ini, target: /usr/local/etc/php/conf.d/x.ini}]
    networks: [internal]
  frontend:
    image: nginx:1.27
    volumes: ["html:/var/www/html"]
    configs: [{source: nginx, target: /etc/nginx/conf.d/default.conf}]
    networks: [proxy, internal]
    depends_on: [app]
    deploy:
      labels:
        - "traefik.enable=true"
        - "traefik.http.services.${STACK_NAME}.loadbalancer.server.port=80"
        - "traefik.http.routers.${STACK_NAME}.rule=Host(`${DOMAIN}`${EXTRA_DOMAINS})"
        - "traefik.http.routers.${STACK_NAME}.entrypoints=web-secure"
        - "traefik.http.routers.${STACK_NAME}.tls.certresolver=${LETS_ENCRYPT_ENV}"
        - "coop-cloud.${STACK_NAME}.version=1.2.0+8.3.14"
  db:
    image: mariadb
    environment: ["MYSQL_DATABASE=app", "MYSQL_USER=app", "MYSQL_RANDOM_ROOT_PASSWORD=yes"]
    volumes: ["mariadb:/var/lib/mysql"]
    networks: [internal]
    deploy: {labels: ["backupbot.backup=true", "backupbot.backup.path=/tmp/dump.sql", "backupbot.backup.pre-hook=mysqldump app > /tmp/dump.sql"]}
networks: {proxy: {external: true}, internal: }
volumes: {html: , mariadb: }
configs:
  php_ini: {name: "${STACK_NAME}_php_ini_${PHP_INI_VERSION}", file: php.ini}
  nginx: {name: "${STACK_NAME}_nginx_${NGINX_VERSION}", file: default.conf}
"#;
    let files = [
        ("compose.yml", compose),
        ("php.ini", "memory_limit = 256M\n"),
        ("default.conf", "server {\n  location ~ \\.php$ {\n    fastcgi_pass app:9000;\n  }\n}\n"),
        (".env.sample", "TYPE=php\nDOMAIN=php.example.com\nEXTRA_DOMAINS=\nLETS_ENCRYPT_ENV=production\n"),
        (
            "abra.sh",
            "export PHP_INI_VERSION=v1\nexport NGINX_VERSION=v3\n\nabra_backup_app() {\n  _abra_backup_dir \"app:/var/www/html/\"\n}\n",
        ),
    ];
    insta::assert_snapshot!(told("1.2.0+8.3.14", &files), @r#"
    warning R002 compose.yml:3 service `app` has no healthcheck
    warning R002 compose.yml:9 service `frontend` has no healthcheck
    warning R002 compose.yml:23 service `db` has no healthcheck
    warning R003 compose.yml:24 the image `mariadb` of service `db` has no tag
    warning S002 compose.yml:26 volume `mariadb` of service `db` is backed up while the database writes to /var/lib/mysql
    warning S003 compose.yml:28 service `db` has a backup pre-hook that makes a dump, and no restore hook
    warning S005 default.conf:3 service `frontend` is on the shared network `proxy` and addresses `app` by its bare name (config `nginx`): other stacks may answer
    "#);
}

/// The proxy itself: ports of the host, the engine's socket, files of settings as templates.
#[test]
fn a_proxy_recipe() {
    let compose = r#"version: "3.8"
services:
  app:
    image: traefik:v3.2.1
    command: ["traefik", "--log.level=${LOG_LEVEL:-WARN}"]
    ports: [{target: 80, published: 80, mode: host}, {target: 443, published: 443, mode: host}]
    networks: [proxy]
    volumes: ["letsencrypt:/etc/letsencrypt", "/var/run/docker.sock:/var/run/docker.sock"]
    configs: [{source: traefik_yml, target: /etc/traefik/traefik.yml}]
    healthcheck: {test: ["CMD", "traefik", "healthcheck"], interval: 30s, retries: 10, start_period: 1m}
    deploy:
      update_config: {failure_action: rollback, order: stop-first}
      labels:
        - "traefik.enable=${DASHBOARD_ENABLED:-false}"
        - "traefik.http.services.traefik.loadbalancer.server.port=web"
        - "traefik.http.routers.traefik.rule=Host(`${DOMAIN}`)"
        - "traefik.http.routers.traefik.service=api@internal"
        - "coop-cloud.${STACK_NAME}.version=3.1.0+v3.2.1"
networks: {proxy: {external: true}}
volumes: {letsencrypt: {}}
configs: {traefik_yml: {name: "${STACK_NAME}_traefik_yml_${TRAEFIK_YML_VERSION}", file: traefik.yml.tmpl, template_driver: golang}}
"#;
    let files = [
        ("compose.yml", compose),
        (
            "compose.smtp.yml",
            "version: \"3.8\"\nservices:\n  app:\n    environment: [SMTP_ENABLED]\n    ports: [\"587:587\"]\n",
        ),
        ("traefik.yml.tmpl", "entrypoints:\n  web:\n    address: \":80\"\n"),
        (
            ".env.sample",
            "TYPE=traefik\nDOMAIN=traefik.example.com\nDASHBOARD_ENABLED=true\n#LOG_LEVEL=WARN\n",
        ),
        ("abra.sh", "export TRAEFIK_YML_VERSION=v9\n"),
    ];
    insta::assert_snapshot!(told("3.1.0+v3.2.1", &files), @r#"
    warning S028 compose.yml:15 the name `traefik` in services of service `app` is the same in every stack
    warning S028 compose.yml:16 the name `traefik` in routers of service `app` is the same in every stack
    warning S013 compose.yml:17 service `app`: `traefik.http.routers.traefik.service=api@internal`: the router is not served: there is no service `api@internal` in the labels of this stack
    "#);
}
