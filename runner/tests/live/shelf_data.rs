//! The part of the known-bad shelf that loses data, or does not do its job: each pair of a recipe that is red and
//! its repair that is green.

use crate::shelf::{red, repaired};

#[test]
fn cc_030_a_hot_postgresql_directory_does_not_come_back_and_lint_foresaw_it() {
    red("postgres-hot", 1);
}

#[test]
fn cc_030_a_dump_that_is_loaded_after_the_restore_comes_back() {
    repaired("postgres-hot");
}

#[test]
fn a_label_where_nothing_is_kept_stores_nothing_and_lint_foresaw_it() {
    red("label-without-volume", 1);
}

#[test]
fn a_label_where_the_data_is_stores_it() {
    repaired("label-without-volume");
}

#[test]
fn cc_031_a_backup_hook_that_fails_is_named() {
    red("backup-hook-fails", 1);
}

#[test]
fn a_dump_that_ends_in_the_middle_is_no_backup_though_its_hook_was_content() {
    red("dump-cut-off", 1);
}

#[test]
fn cc_031_a_restore_hook_that_fails_is_named() {
    red("restore-hook-fails", 1);
}

#[test]
fn a_stack_that_does_not_come_up_again_after_a_restore_is_red_there() {
    red("broken-after-restore", 1);
}

#[test]
fn an_upgrade_that_leaves_the_data_in_the_old_volume_has_lost_it() {
    red("data-left-behind", 1);
}

#[test]
fn a_start_page_of_another_program_is_not_the_app() {
    red("wrong-content", 1);
}

#[test]
fn a_part_of_the_app_that_is_gone_is_red_though_it_is_healthy() {
    red("part-missing", 1);
}

#[test]
fn an_error_of_lint_is_red_though_the_stack_runs() {
    red("config-unversioned", 1);
}
