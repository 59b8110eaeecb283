//! Rules about files, images, names and variables.

use domain::event::Severity;

use crate::case::cases;
use crate::sample::good;

/// Sixty-four characters are the engine's limit; this stack leaves four for `_db_password_v1` and its like.
const LONG_STACK: &str = "a-stack-with-a-name-of-forty-five-characters_";

cases! {
    c001_a_file_that_is_no_yaml_is_told: "C001",
        breaks good().compose("services:\n  app:\n    image: a: b # <-"),
        holds good();
    cc_041_c001_a_key_that_docker_does_not_know_is_told: "C001",
        breaks good().app("image: a:1.2.3\nhealthchek: {} # <-"),
        holds good();
    c001_a_selected_file_that_is_not_there_is_told: "C001",
        breaks good().select(&["compose.yml", "compose.smtp.yml"]).at("compose.smtp.yml", 0),
        holds good().select(&["compose.yml", "compose.smtp.yml"]).file("compose.smtp.yml", "version: '3.8'\nservices: {}");
    c001_an_overlay_that_is_not_selected_is_a_warning: "C001",
        breaks good().file("compose.smtp.yml", "version: '3.8'\nservices:\n  app: 1 # <-").severity(Severity::Warning),
        holds good().file("compose.smtp.yml", "version: '3.8'\nservices:\n  app: {init: true}");
    c001_an_overlay_that_waits_for_its_settings_is_not_broken: "C001",
        breaks good().app("image: a:1.2.3\nenvironment:\n  - ISSUER=${ISSUER:?say who} # <-"),
        holds good().file("compose.oidc.yml", "version: '3.8'\nservices: {app: {environment: ['ISSUER=${ISSUER:?say who}']}}");
    s001_an_overlay_with_a_variable_in_a_number_is_a_warning: "S001",
        breaks good().file("compose.oidc.yml", "version: '3.8'\nservices:\n  app:\n    deploy:\n      replicas: ${N:-1} # <-")
            .severity(Severity::Warning),
        holds good().file("compose.oidc.yml", "version: '3.8'\nservices: {app: {deploy: {replicas: 1}}}");
    cc_040_c002_a_key_that_swarm_ignores_is_information: "C002",
        breaks good().app("image: a:1.2.3\ndepends_on: [db] # <-"),
        holds good();
    c002_restart_is_ignored_only_beside_a_restart_policy: "C002",
        breaks good().app("image: a:1.2.3\nrestart: always # <-\ndeploy: {restart_policy: {condition: any}}"),
        holds good().app("image: a:1.2.3\nrestart: always");
    c003_a_config_without_its_file_is_told: "C003",
        breaks good().without("settings.ini").change("file: settings.ini", "file: settings.ini # <-"),
        holds good();
    c003_a_config_from_nowhere_is_told: "C003",
        breaks good().compose("services: {app: {image: a:1.2.3}}\nconfigs:\n  settings: # <-\n    name: a"),
        holds good();
    c001_a_compose_file_that_the_settings_name_in_vain_is_told_in_the_settings: "C001",
        breaks good().select(&[]).env("COMPOSE_FILE", "compose.smtp.yml").file(".env.sample", "COMPOSE_FILE=compose.smtp.yml # <-"),
        holds good();
    c004_what_swarm_cannot_be_told_is_told: "C004",
        breaks good().app("image: a:1.2.3\nvolumes:\n  - type: tmpfs\n    source: a # <-\n    target: /a"),
        holds good().app("image: a:1.2.3\nvolumes:\n  - type: tmpfs\n    target: /a");
    c004_what_another_rule_has_told_is_told_once: "C004",
        breaks good().app("image: a:1.2.3\ndeploy:\n  resources:\n    limits:\n      cpus: much # <-"),
        holds good().app("image: a:1.2.3\nvolumes:\n  - data:/data").without("settings.ini");
    s001_a_variable_in_a_duration_is_told: "S001",
        breaks good().app("image: a:1.2.3\nhealthcheck:\n  interval: ${PAUSE:-5m} # <-"),
        holds good().app("image: a:1.2.3\nhealthcheck:\n  interval: 5m");
    s001_a_variable_in_a_number_is_told: "S001",
        breaks good().app("image: a:1.2.3\ndeploy:\n  replicas: ${COUNT:-1} # <-"),
        holds good().app("image: a:1.2.3\ndeploy:\n  replicas: 1");
    s001_what_docker_refuses_anyway_is_told_once: "S001",
        breaks good().app("image: a:1.2.3\nstop_grace_period: ${GRACE:-1m} # <-"),
        holds good().app("image: a:1.2.3\nstop_grace_period: soon");
    s007_a_tag_that_upstream_moves_is_told: "S007",
        breaks good().app("image: a:stable # <-"),
        holds good().app("image: a:1.2.3-stable");
    s007_a_version_without_a_patch_number_is_information: "S007",
        breaks good().app("image: postgres:16-alpine # <-").severity(Severity::Info),
        holds good().app("image: postgres:16.4.0-alpine");
    s008_an_image_that_the_settings_choose_is_told: "S008",
        breaks good().env("TAG", "1.2.3").file(".env.sample", "TAG=1.2.3\n").app("image: a:${TAG} # <-"),
        holds good().env("TAG", "1.2.3").file(".env.sample", "#TAG=1.2.3\n").app("image: a:${TAG:-1.2.3}");
    s009_a_name_that_is_no_host_name_is_told: "S009",
        breaks good().compose("services:\n  my_db: # <-\n    image: a:1.2.3"),
        holds good().compose("services:\n  my-db:\n    image: a:1.2.3");
    s010_a_secret_whose_name_is_too_long_for_a_stack_is_told: "S010",
        breaks good().stack(LONG_STACK)
            .change("${SECRET_DB_PASSWORD_VERSION}", "with_more_${SECRET_DB_PASSWORD_VERSION} # <-"),
        holds good().change("${SECRET_DB_PASSWORD_VERSION}", "with_more_${SECRET_DB_PASSWORD_VERSION}");
    s010_a_service_whose_name_is_too_long_for_a_stack_is_told: "S010",
        breaks good().stack(LONG_STACK).compose("services:\n  recommendation-engine: # <-\n    image: a:1.2.3"),
        holds good().stack(LONG_STACK).compose("services:\n  recommendations:\n    image: a:1.2.3");
    s012_content_that_changed_under_its_old_name_is_told: "S012",
        breaks good().after(good().file("settings.ini", "port = 8080\n"))
            .change("_${SETTINGS_VERSION}", "_${SETTINGS_VERSION} # <-"),
        holds good().after(good().file("settings.ini", "port = 8080\n").env("SETTINGS_VERSION", "v0"));
    s012_content_that_stayed_may_keep_its_name: "S012",
        breaks good().after(good().file("settings.ini", "").env("DOMAIN", "x").env("STACK_NAME", "x"))
            .change("_${SETTINGS_VERSION}", "_${SETTINGS_VERSION} # <-"),
        holds good().after(good());
    s018_a_secret_version_that_is_not_in_the_sample_is_told: "S018",
        breaks good().file(".env.sample", "TYPE=blog\n")
            .change("${SECRET_DB_PASSWORD_VERSION}", "${SECRET_DB_PASSWORD_VERSION} # <-"),
        holds good();
    s018_a_secret_that_no_selected_service_uses_needs_no_version: "S018",
        breaks good().file(".env.sample", "#SECRET_DB_PASSWORD_VERSION=v1\n")
            .change("${SECRET_DB_PASSWORD_VERSION}", "${SECRET_DB_PASSWORD_VERSION} # <-"),
        holds good().file(".env.sample", "TYPE=blog\n").change("    secrets: [db_password]\n", "");
    s019_a_recipe_without_a_version_label_is_told: "S019",
        breaks good().compose("services: # <-\n  app: {image: a:1.2.3}"),
        holds good().version(None);
    s019_a_version_label_that_is_not_the_tag_is_told: "S019",
        breaks good().change("version=1.0.0+1.2.3\"", "version=0.9.0+1.2.3\" # <-"),
        holds good();
    s019_the_label_may_be_on_any_service: "S019",
        breaks good().change("version=1.0.0+1.2.3\"", "version=\" # <-"),
        holds good().compose(
            "services:\n  web:\n    image: a:1.2.3\n    deploy:\n      labels:\n        \
             - coop-cloud.${STACK_NAME}.version=1.0.0+1.2.3",
        );
    s021_a_variable_that_the_sample_does_not_mention_is_told: "S021",
        breaks good().app("image: a:1.2.3\nenvironment:\n  - TITLE=${TITLE} # <-"),
        holds good().app("image: a:1.2.3\nenvironment:\n  - TITLE=${TITLE} $$NOT").file(".env.sample", "#TITLE=Blog\n");
    s021_a_variable_with_a_default_is_information: "S021",
        breaks good().app("image: a:1.2.3\nenvironment:\n  - TITLE=${TITLE:-Blog} # <-").severity(Severity::Info),
        holds good().app("image: a:1.2.3 # ${TITLE}");
    s026_a_variable_in_a_key_is_told: "S026",
        breaks good().app("image: a:1.2.3\ndeploy:\n  labels:\n    coop-cloud.${STACK_NAME}.version: 1.0.0+1.2.3 # <-"),
        holds good();
    s027_a_default_inside_a_default_is_told: "S027",
        breaks good().app("image: a:1.2.3\nenvironment:\n  - A=${A:-x${B}y} # <-"),
        holds good().app("image: a:1.2.3\nenvironment:\n  - A=${A:-x}${B:-y}");
    s029_an_export_that_needs_a_shell_is_told: "S029",
        breaks good().file("abra.sh", "export SETTINGS_VERSION=v1\nexport NOW=$(date) # <-\n")
            .app("image: a:1.2.3\nenvironment: ['NOW=${NOW}']"),
        holds good().file("abra.sh", "export SETTINGS_VERSION=v1\nhello() {\n  export NOW=$(date)\n}\n");
    s029_a_modifier_that_means_nothing_is_told: "S029",
        breaks good().file(".env.sample", "SECRET_DB_PASSWORD_VERSION=v1 # length=long charset=hex\n").at(".env.sample", 1),
        holds good();
}
