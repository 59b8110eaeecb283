//! When the node is to blame.

use super::*;
use crate::Fault;

/// A script in which `VXLAN` stands for what the engine says of a left interface.
fn vxlan(script: &str) -> String {
    script.replace("VXLAN", "network_sandbox_join_failed:_error_creating_vxlan_interface:_file_exists")
}

#[test]
fn a_task_that_the_node_cannot_start_is_no_word_against_the_recipe() {
    let thrice = vxlan("app 1 : rejected@1~VXLAN rejected@6~VXLAN rejected@11~VXLAN waiting@12");
    insta::assert_snapshot!(
        told(12, &thrice),
        @"failed: node: no task of `app` could start: network sandbox join failed: error creating vxlan interface: file exists"
    );
    let Standing::Failed(cause) = judge(&stack(&thrice), at(0), at(12), &SettleLimits::default()) else {
        panic!("three are a loop")
    };
    assert_eq!(cause.fault(), Fault::Platform);
    assert!(told(9, &vxlan("app 1 : rejected@1~VXLAN waiting@2")).starts_with("waiting"), "it may pass");
    assert!(told(9, &vxlan("app 1 : rejected@1~VXLAN")).starts_with("failed: node: "), "nobody tries again");
}

#[test]
fn an_update_that_the_node_could_not_start_is_no_word_against_the_recipe_either() {
    for state in ["rollback_completed", "paused"] {
        let script = vxlan(&format!("app 1 update={state} : old-running@1 rejected@6~VXLAN"));
        for told in [told(12, &script), soaked(12, &script)] {
            assert!(told.starts_with("failed: node: "), "{state}: {told}");
        }
    }
}

#[test]
fn what_ran_and_left_speaks_for_itself() {
    let full = "failed@1/1~no_space_left_on_device";
    let script = format!("app 1 : {full} {full} {full} waiting@12");
    assert!(told(12, &script).starts_with("failed: crash_loop: "));
}
