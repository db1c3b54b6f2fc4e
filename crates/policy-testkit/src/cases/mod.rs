//! The promises, one function each. [`conformance!`](crate::conformance) makes tests of them.

pub mod attributes;
pub mod combining;
pub mod conditions;
pub mod expressions;
pub mod model;
pub mod patterns;
pub mod scopes;

/// Hands the list of all cases to a macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __for_each_case {
    ($callback:path, $($harness:tt)*) => {
        $callback! { $($harness)*,
            combining {
                nobody_speaks_and_it_is_undefined
                one_allow_is_enough
                one_deny_overrules_every_allow
                order_of_policies_changes_nothing
                failing_policies_err_on_the_safe_side
                policy_alone_says_what_it_says_in_a_scope
                diagnostics_name_who_decided
            }
            patterns {
                exact_text_matches_itself_alone
                trailing_star_matches_every_rest
                star_alone_matches_everything
                any_pattern_of_a_list_is_enough
                action_and_resource_must_both_match
                many_policies_are_as_exact_as_few
            }
            conditions {
                equality_is_by_type_and_value
                numbers_are_equal_by_exact_value
                order_is_of_numbers_or_of_strings
                membership_is_of_lists
                contains_is_of_lists_and_strings
                regular_expressions_are_not_anchored
                missing_field_makes_every_operator_false_but_one
                missing_field_to_compare_with_makes_every_operator_false
                fields_reach_everything_in_a_request
                paths_lead_through_maps_only
                all_conditions_must_hold
                condition_that_does_not_hold_settles_it_before_failures
                operator_without_meaning_for_its_types_fails
                pattern_from_a_field_that_is_none_fails
            }
            expressions {
                expressions_see_the_request
                literals_are_what_they_look_like
                comparisons_work_as_in_conditions
                not_binds_tighter_than_and_tighter_than_or
                evaluation_stops_at_what_settles_it
                what_is_not_there_is_nil
                paths_and_brackets_reach_inside
                result_that_is_no_boolean_fails
                operators_without_meaning_for_their_types_fail
            }
            scopes {
                group_without_namespace_belongs_to_the_policys_own
                policy_may_be_in_many_groups
                unknown_ids_give_nothing
                scope_grows_and_shrinks_as_a_set
                union_has_the_policies_of_both
                change_shows_in_later_look_ups_only
                scopes_of_unlike_policies_have_unlike_identities
                old_and_new_version_both_count
            }
            attributes {
                decision_that_read_no_attributes_is_for_all
                decision_that_read_attributes_is_for_these
                attributes_do_not_matter_where_they_change_nothing
                cache_and_fresh_evaluation_agree
            }
            model {
                engine_agrees_with_the_model_about_conditions
                engine_agrees_with_the_model_about_expressions
            }
        }
    };
}
