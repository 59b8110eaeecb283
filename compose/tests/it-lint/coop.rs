//! Co-op Cloud's rules.

use compose::lint::TagKind;
use domain::event::Severity;

use crate::case::cases;
use crate::sample::good;

cases! {
    r001_a_file_without_a_version_is_told: "R001",
        breaks good().compose("services: {app: {image: a:1.2.3}}").at("compose.yml", 0),
        holds good();
    r001_another_version_is_told_where_it_stands: "R001",
        breaks good().compose("version: '3.7' # <-\nservices: {app: {image: a:1.2.3}}"),
        holds good().compose("version: '3.8'\nservices: {app: {image: a:1.2.3}}");
    r001_files_that_are_not_selected_are_looked_at_too: "R001",
        breaks good().file("compose.smtp.yml", "services: {app: {image: a:1.2.3}}").at("compose.smtp.yml", 0),
        holds good().file("compose.smtp.yml", "version: '3.8'\nservices: {app: {image: a:1.2.3}}");
    r002_a_service_without_a_healthcheck_is_told: "R002",
        breaks good().compose("services:\n  app: # <-\n    image: a:1.2.3"),
        holds good();
    r002_a_job_needs_no_healthcheck: "R002",
        breaks good().compose("services:\n  app: # <-\n    image: a:1.2.3\n    deploy: {replicas: 1}"),
        holds good().app("image: a:1.2.3\ndeploy: {mode: replicated-job}");
    r002_what_may_be_a_job_is_information: "R002",
        breaks good().compose("services:\n  migrate: # <-\n    image: a:1.2.3\n    deploy: {restart_policy: {condition: on-failure}}")
            .severity(Severity::Info),
        holds good().compose("services:\n  migrate:\n    image: a:1.2.3\n    deploy: {restart_policy: {condition: none}}");
    r003_an_image_without_a_tag_is_told: "R003",
        breaks good().app("image: registry.example.org:5000/mariadb # <-"),
        holds good().app("image: registry.example.org:5000/mariadb:10.11.6");
    r003_a_digest_is_better_than_a_tag: "R003",
        breaks good().app("image: mariadb # <-"),
        holds good().app(&format!("image: mariadb@sha256:{}", "0".repeat(64)));
    r004_a_tag_that_follows_development_is_told: "R004",
        breaks good().app("image: a:latest # <-"),
        holds good().app("image: a:1.2.3");
    r004_a_variant_of_latest_is_latest: "R004",
        breaks good().app("image: a:latest-alpine # <-"),
        holds good().app(&format!("image: a:latest@sha256:{}", "0".repeat(64)));
    r005_a_tag_that_is_no_version_is_told: "R005",
        breaks good().app("image: a:RELEASE.2024-01-01 # <-"),
        holds good().app("image: a:v1.2.3-rootless");
    r006_a_recipe_without_releases_is_told: "R006",
        breaks { let mut sample = good(); sample.recipe.tags.clear(); sample.tag("v1.0.3", TagKind::Annotated).at("", 0) },
        holds good();
    r007_a_recipe_without_a_readme_is_told: "R007",
        breaks good().without("README.md").at("README.md", 0),
        holds good();
    r007_a_readme_without_metadata_is_told: "R007",
        breaks good().file("README.md", "# Blog\n").at("README.md", 0),
        holds good();
    r007_metadata_that_is_not_filled_in_is_told: "R007",
        breaks good().file("README.md", "# Blog\n<!-- metadata -->\n* **Category**: Apps\n* **Status**:\n").at("README.md", 2),
        holds good();
    r008_a_recipe_without_a_sample_is_told: "R008",
        breaks good().without(".env.sample").at(".env.sample", 0),
        holds good();
    r009_a_recipe_without_a_service_app_is_told: "R009",
        breaks good().compose("services: # <-\n  web: {image: a:1.2.3}"),
        holds good();
    r010_a_domain_without_a_route_is_told: "R010",
        breaks good().app("image: a:1.2.3").file(".env.sample", "TYPE=a\nDOMAIN=a.example.org # <-\n"),
        holds good();
    r010_a_recipe_without_a_domain_needs_no_route: "R010",
        breaks good().app("image: a:1.2.3").file(".env.sample", "DOMAIN=a.example.org # <-\n"),
        holds good().app("image: a:1.2.3").file(".env.sample", "#DOMAIN=a.example.org\n");
    r010_labels_of_the_container_are_told_where_they_stand: "R010",
        breaks good().app("image: a:1.2.3\nlabels:\n  - traefik.enable=true # <-"),
        holds good();
    r011_a_service_without_an_image_is_told: "R011",
        breaks good().compose("services:\n  app: # <-\n    init: true"),
        holds good();
    r011_an_image_with_an_empty_variable_is_told: "R011",
        breaks good().app("image: a:${TAG} # <-"),
        holds good().app("image: a:${TAG:-1.2.3}");
    r012_a_config_whose_version_is_set_nowhere_is_told: "R012",
        breaks good().file("abra.sh", "").change("_${SETTINGS_VERSION}", "_${SETTINGS_VERSION} # <-"),
        holds good();
    r012_a_config_version_in_the_settings_is_a_warning: "R012",
        breaks good().file("abra.sh", "").file(".env.sample", "SETTINGS_VERSION=v1\n")
            .change("_${SETTINGS_VERSION}", "_${SETTINGS_VERSION} # <-").severity(Severity::Warning),
        holds good();
    r012_a_config_version_in_a_default_is_a_warning: "R012",
        breaks good().file("abra.sh", "")
            .change("_${SETTINGS_VERSION}", "_${SETTINGS_VERSION:-v1} # <-").severity(Severity::Warning),
        holds good().change("_${SETTINGS_VERSION}", "_${SETTINGS_VERSION:-v1}");
    r012_a_config_without_a_version_is_a_warning: "R012",
        breaks good().change("    name: ${STACK_NAME}_settings_${SETTINGS_VERSION}\n", "")
            .change("  settings:\n    name: ${STACK_NAME}_settings_${SETTINGS_VERSION}\n", "  settings: # <-\n")
            .severity(Severity::Warning),
        holds good();
    r014_a_light_tag_of_this_release_is_told: "R014",
        breaks good().tag("1.1.0+1.2.4", TagKind::Light).version(Some("1.1.0+1.2.4")).at("", 0),
        holds good();
    r014_a_light_tag_of_another_release_is_only_told: "R014",
        breaks good().tag("0.1.0+1.0.0", TagKind::Light).at("", 0).severity(Severity::Info),
        holds good().tag("stable", TagKind::Light);
    r015_a_long_secret_name_is_told: "R015",
        breaks good().app("image: a:1.2.3\nsecrets: [smtp_password]")
            .file("compose.yml", "services: {app: {image: a:1.2.3}}\nsecrets:\n  smtp_password: # <-\n    external: true\n"),
        holds good();
}
