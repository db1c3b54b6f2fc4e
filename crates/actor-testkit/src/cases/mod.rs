//! The promises, one function each. [`conformance!`](crate::conformance) makes tests of them.

pub mod becoming;
pub mod ending;
pub mod hosts;
pub mod links;
pub mod lives;
pub mod mailbox;
pub mod monitors;
pub mod names;
pub mod ordering;
pub mod races;
pub mod scheduling;
pub mod sending;
pub mod spawning;
pub mod timers;

/// How often a case repeats something that threads may do in another order each time.
pub(crate) const ROUNDS: usize = 2_000;

/// How often a case repeats a race that somebody could lose.
pub(crate) const RACES: usize = 5_000;

/// Hands the list of all cases to a macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __for_each_case {
    ($callback:path, $($harness:tt)*) => {
        $callback! { $($harness)*,
            ordering {
                messages_of_one_sender_arrive_in_order_over_topics
                each_of_many_senders_keeps_its_own_order
                message_to_oneself_queues_like_any_other
                signals_of_one_sender_keep_their_place_among_its_messages
                last_message_is_there_before_the_exit_is_seen
            }
            mailbox {
                listener_sees_older_messages
                unlisten_restores_the_order_of_arrival
                events_are_no_messages
                full_mailbox_tells_every_sender
                events_get_through_a_full_mailbox
                received_message_makes_room
                senders_together_never_exceed_the_limit
                late_messages_of_an_ended_actor_take_no_room_from_the_next
            }
            sending {
                send_to_an_actor_seen_to_end_answers_not_found
                pid_that_never_was_answers_not_found
                right_number_on_another_host_reaches_nobody
                completion_comes_from_any_thread_and_may_come_too_late
            }
            spawning {
                child_that_ends_at_once_gives_its_parent_exactly_one_event
                linked_child_that_fails_at_once_gives_exactly_one_event
                messages_of_the_spawn_come_first
                nobody_comes_before_the_messages_of_the_spawn
                factory_that_fails_leaves_nothing
                factory_that_panics_leaves_nothing
                relations_of_a_failed_factory_are_taken_back
                monitor_of_an_actor_that_is_not_made_fires
                taken_name_starts_nothing
                spawn_on_an_unknown_host_answers_not_found
                pids_are_never_reused
            }
            monitors {
                monitor_fires_once_with_the_reason
                monitor_of_an_ended_actor_is_refused
                second_monitor_is_refused_until_the_first_is_undone
                monitoring_oneself_does_nothing
                unmonitor_takes_back_a_waiting_event
                unmonitor_before_the_answer_leaves_nothing
                nothing_comes_after_unmonitor
                monitor_racing_with_the_end_gives_one_answer
                old_end_does_not_answer_a_new_monitor
                thousand_observers_hear_of_one_end
            }
            links {
                normal_end_of_a_linked_actor_is_silent
                failure_ends_linked_actors
                failure_runs_down_a_chain
                cycle_of_links_ends_each_once
                trapped_failure_is_an_event_and_stops_there
                exit_comes_before_link_down
                second_link_changes_nothing
                link_to_an_ended_actor_is_refused
                unlink_takes_back_a_waiting_event
                nothing_comes_after_unlink
                link_racing_with_the_end_gives_one_answer
                crossing_link_and_unlink_leave_both_sides_agreeing
                linked_child_outlives_a_parent_that_ends_normally
                linked_child_of_a_parent_that_fails_fails
                thousand_linked_actors_end_together
            }
            names {
                name_belongs_to_one_live_actor
                text_that_is_no_name_is_refused
                thousands_of_names_of_one_actor_are_found_and_freed
                names_are_free_before_the_exit_is_seen
                registering_an_ending_actor_leaves_no_name
                foreign_actor_can_be_given_a_name
            }
            ending {
                panic_in_a_step_ends_the_actor_alone
                panic_in_a_notice_ends_the_actor_alone
                terminate_ends_another_actor_once
                every_failing_end_reaches_observers_and_links
                terminate_of_oneself_takes_effect_when_the_step_returns
                terminate_in_a_notice_runs_no_further_step
                exit_hook_runs_once_after_names_are_free
                cancel_is_an_event_with_its_deadline
                actor_alive_at_the_cancel_deadline_times_out
                actor_that_ends_before_the_cancel_deadline_ends_its_own_way
                cancel_deadline_is_shortened_and_never_extended
                deadline_beyond_all_time_is_harmless
            }
            becoming {
                what_others_see_of_an_actor_outlives_its_code
                mail_that_was_not_read_outlives_the_code
                mailbox_limit_outlives_the_code
                timers_of_the_former_code_do_not_fire
                answers_to_the_former_code_do_not_reach_the_next
                former_code_is_gone_before_the_next_is_made
                links_are_not_trapped_by_the_next_code
                becoming_what_cannot_be_made_is_a_failure
                cancel_deadline_outlives_the_code
                actor_that_always_becomes_leaves_room_for_others
                waker_makes_an_actor_step_whatever_it_has_become
            }
            races {
                nothing_comes_after_unmonitor_however_close_the_end
                nothing_comes_after_unlink_however_close_the_failure
                name_and_last_message_are_there_when_the_end_is_seen
                ring_of_a_thousand_linked_actors_ends_and_leaves_nothing
            }
            lives {
                random_lives_agree_with_the_model
            }
            hosts {
                host_takes_no_more_than_its_limit
                room_on_the_host_is_free_before_the_exit_is_seen
                refused_actors_keep_nobody_out
                other_limits_hold_for_actors_to_come
                stopped_host_cancels_and_then_forces
                stopped_host_waits_for_actors_that_end_in_time
                stopped_host_refuses_until_it_is_added_again
                stop_ends_everything_with_a_reason
            }
            timers {
                timers_fire_in_order_and_never_early
                timers_due_together_fire_in_order_of_start
                thousands_of_timers_fire_in_order
                stopped_timer_does_not_fire
                timer_of_an_ended_actor_is_gone
                timer_of_a_failed_factory_is_gone
                timer_that_restarts_itself_holds_up_nobody
                timer_of_the_machine_clock_is_never_early
            }
            scheduling {
                actor_that_always_yields_leaves_room_for_others
                actor_whose_children_start_others_for_ever_leaves_room_for_others
                busy_actor_finds_its_mail_afterwards
                live_view_shows_what_an_actor_has
            }
        }
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_listed() {
        let list = include_str!("mod.rs");
        let files = [
            include_str!("becoming.rs"),
            include_str!("ending.rs"),
            include_str!("hosts.rs"),
            include_str!("links.rs"),
            include_str!("lives.rs"),
            include_str!("mailbox.rs"),
            include_str!("monitors.rs"),
            include_str!("names.rs"),
            include_str!("ordering.rs"),
            include_str!("races.rs"),
            include_str!("scheduling.rs"),
            include_str!("sending.rs"),
            include_str!("spawning.rs"),
            include_str!("timers.rs"),
        ];
        for line in files.iter().flat_map(|text| text.lines()) {
            let Some(name) = line.strip_prefix("pub fn ").and_then(|rest| rest.split('<').next()) else { continue };
            assert!(list.lines().any(|line| line.trim() == name), "{name} is not listed");
        }
    }
    /// The cases in the list above.
    fn cases() -> Vec<&'static str> {
        let list = include_str!("mod.rs").lines().map(str::trim);
        let list = list.skip_while(|line| *line != "ordering {").take_while(|line| *line != "#[cfg(test)]");
        list.filter(|line| line.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')).collect()
    }

    #[test]
    fn every_case_proves_a_documented_rule() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/semantics.md");
        let Ok(document) = std::fs::read_to_string(path) else {
            eprintln!("skipped: the published package comes without the project's documents");
            return;
        };
        let cases: Vec<_> = cases().into_iter().filter(|name| !name.is_empty()).collect();
        assert!(cases.len() > 100, "{} cases", cases.len());
        for case in &cases {
            assert!(document.contains(&format!("`{case}`")), "docs/semantics.md does not name {case}");
        }
        // And what the sections about actors name is a case, unless it says where it is.
        for section in ["Order", "Mailboxes", "Addresses and names", "Monitors", "Links", "Ends", "Upgrades", "Hosts"] {
            let start = document.find(&format!("\n## {section}\n")).unwrap_or_else(|| panic!("no section {section}"));
            let rows = document[start + 4..].split("\n## ").next().into_iter().flat_map(str::lines);
            for proof in rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next()) {
                for name in proof.split('`').skip(1).step_by(2).filter(|name| !name.contains('/')) {
                    assert!(cases.contains(&name), "{section}: there is no case {name}");
                }
            }
        }
    }
}
