//! The cases, by area. Their names are the rules.

#![allow(missing_docs, reason = "a case is documented by its name")]

pub mod ending;
pub mod input;
pub mod output;
pub mod starting;
pub mod waiting;

/// Hands the list of all cases to a macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __for_each_case {
    ($callback:path, $($harness:tt)*) => {
        $callback! { $($harness)*,
            starting {
                process_is_created_then_runs_then_has_exited
                program_that_is_missing_fails_the_start
                folder_that_is_missing_fails_the_start
                second_start_is_refused
                closed_process_does_not_start
                command_without_a_word_is_refused
                variables_of_the_request_reach_the_process
                environment_of_the_runtime_does_not_reach_the_process
                process_runs_in_its_folder
                ids_are_never_the_same
            }
            output {
                output_arrives_in_order_and_then_ends
                outputs_are_apart
                read_gives_no_more_than_asked_for
                reads_that_do_not_wait_miss_nothing
                read_that_does_not_wait_does_not_wait
                read_that_does_not_wait_is_refused_as_others_are
                reads_that_do_not_wait_get_what_was_kept_during_the_wait
                stream_is_the_same_every_time
                stream_taken_before_the_start_misses_nothing
                stream_can_be_read_after_the_wait
                unread_output_does_not_hold_up_the_wait
                taken_output_is_kept_during_the_wait
                dropped_read_loses_nothing
                stream_of_a_closed_process_is_refused
                closed_stream_refuses_reads
                closing_a_stream_ends_a_read_that_waits
                process_that_writes_to_a_closed_stream_ends
                streams_of_a_failed_start_end
            }
            input {
                input_arrives_and_ends
                empty_write_ends_the_input
                large_input_is_complete
                input_without_a_pipe_is_refused
                write_before_the_start_is_refused
                write_after_the_end_is_refused
                writer_that_is_held_up_learns_of_the_end
                input_ends_after_the_first_write_if_asked_for
                input_is_idle_when_all_of_it_was_read
                input_that_nobody_reads_is_not_idle
                idle_input_ends_if_asked_for
            }
            waiting {
                exit_codes_are_reported
                wait_before_the_start_is_refused
                wait_for_a_process_that_was_closed_before_is_refused
                second_wait_repeats_the_exit
                all_who_wait_get_the_same_exit
                dropped_wait_changes_nothing
                others_may_read_and_write_during_a_wait
                waited_for_process_is_closed
                no_read_waits_after_the_wait
            }
            ending {
                signal_ends_a_process
                signal_before_the_start_is_refused
                signal_after_the_end_is_refused
                obedient_process_is_stopped
                stubborn_process_is_stopped_by_force
                force_ends_a_process_at_once
                force_after_a_request_is_force
                close_may_come_at_any_time
                waiting_survives_the_close
                dropping_the_last_handle_ends_the_process
                closed_process_goes_on_ending_without_its_handle
                process_that_runs_too_long_is_ended
                nothing_is_left_of_a_process_that_never_ran
                active_counts_those_that_run
                shutdown_ends_all_and_starts_no_more
            }
        }
    };
}
