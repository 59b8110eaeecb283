//! When exits are a crash loop.

use super::*;

#[test]
fn a_crash_loop_is_called_after_three_exits() {
    assert_eq!(
        told(7, "app 1 : failed@1/1 failed@6/1 waiting@7"),
        "waiting: app 0/1, waiting for the node, left 2 times"
    );
    insta::assert_snapshot!(
        told(12, "app 1 : failed@1/1 failed@6/1 failed@11/3~task:_non-zero_exit_(3) waiting@12"),
        @"failed: crash_loop: `app` left 3 times, last with code 3: task: non-zero exit (3)"
    );
}

#[test]
fn a_glimpse_of_a_process_that_is_about_to_leave_does_not_settle() {
    assert_eq!(told(2, "app 1 : running@2"), "waiting: app 0/1, just started");
    assert_eq!(told(3, "app 1 : running@2"), "settled");
    // A healthcheck says more than any wait.
    assert_eq!(told(2, "app 1 check : running@2+healthy"), "settled");
    // It left before: its next life has to be longer.
    let again = "app 1 : failed@1/1 running@7";
    assert_eq!(told(11, again), "waiting: app 0/1, just started, left 1 times");
    assert_eq!(told(12, again), "settled");
}

#[test]
fn what_left_and_is_not_started_again_is_told_without_waiting_for_the_window() {
    assert!(told(3, "app 1 may-complete : failed@1/7").starts_with("waiting"));
    insta::assert_snapshot!(
        told(4, "app 1 may-complete : failed@1/7 \n db 1 : starting@2"),
        @"failed: crash_loop: `app` left 1 times, last with code 7: its restart policy does not start it again"
    );
    assert!(
        told(9, "app 1 : failed@1/1 waiting@2").starts_with("waiting"),
        "a successor waits for its delay"
    );
    assert!(told(9, "app 1 update=updating : failed@1/1").starts_with("waiting"), "the updater acts first");
    insta::assert_snapshot!(
        told(9, "app 1 : rejected@1~no_such_mount"),
        @"failed: rejected: `app` was rejected: no such mount"
    );
}

#[test]
fn two_exits_are_a_crash_loop_once_twenty_seconds_have_passed() {
    assert!(told(20, "app 1 : failed@1/1 failed@16/1 waiting@17").starts_with("waiting"));
    assert!(told(21, "app 1 : failed@1/1 failed@16/1 waiting@17").starts_with("failed: crash_loop"));
}

#[test]
fn leaving_until_the_database_is_up_is_not_a_crash_loop() {
    let early = "app 1 : failed@1/1 failed@6/1 failed@11/1 waiting@12\n db 1 check : starting@1+starting";
    assert!(told(12, early).starts_with("waiting"));
    // Up at last: exits from before do not count.
    let up = "app 1 : failed@1/1 failed@6/1 failed@11/1 starting@16\n db 1 : running@14";
    assert!(told(17, up).starts_with("waiting"));
    // One after it may be bad luck, two are not.
    let once = "app 1 : failed@1/1 failed@6/1 failed@16/1 waiting@17\n db 1 : running@14";
    assert!(told(17, once).starts_with("waiting"));
    let twice = "app 1 : failed@1/1 failed@16/1 failed@22/1 waiting@23\n db 1 : running@14";
    assert!(told(23, twice).starts_with("failed: crash_loop"));
    // But those after it do.
    let still = "app 1 : failed@1/1 failed@16/1 failed@21/1 failed@26/1\n db 1 : running@14";
    assert!(told(27, still).starts_with("failed: crash_loop"));
}

#[test]
fn a_stack_in_which_all_leave_is_a_crash_loop_too() {
    let both = "app 1 : failed@1/1 failed@6/1 failed@11/1\n db 1 : failed@1/1 failed@6/1 failed@11/1";
    assert!(told(12, both).starts_with("failed: crash_loop"));
}

#[test]
fn a_task_killed_for_its_health_is_unhealthy_not_crashing() {
    let says = "~task:_non-zero_exit_(137):_dockerexec:_unhealthy_container";
    insta::assert_snapshot!(
        told(61, &format!("app 1 check : failed@20/137{says} failed@41/137{says} starting@60+starting")),
        @"failed: unhealthy: `app` is unhealthy: its healthcheck failed and the engine replaced it 2 times"
    );
}

#[test]
fn an_image_that_the_node_does_not_have_is_told_at_once() {
    insta::assert_snapshot!(
        told(2, "app 1 : rejected@1~No_such_image:_example/none:1"),
        @"failed: image_missing: `app`: there is no image `example/none:1` (no such image on the node)"
    );
}

#[test]
fn when_the_window_ends_what_has_left_says_more_than_that_we_waited() {
    let says = "~task:_non-zero_exit_(137):_dockerexec:_unhealthy_container";
    insta::assert_snapshot!(
        told(600, &format!("app 1 check : failed@580/137{says} starting@590+starting")),
        @"failed: unhealthy: `app` is unhealthy: its healthcheck failed and the engine replaced it 1 times"
    );
}
