/// Words longer than this are not worth comparing.
const LONGEST: usize = 64;

/// The candidate that `word` most likely was meant to be.
///
/// Letter case counts as no difference. Short words need a closer match than
/// long ones, so two-letter words only ever match in another case.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length > LONGEST {
        return None;
    }
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| *candidate != word)
        .filter_map(|candidate| {
            if candidate.len() > 4 * LONGEST {
                return None;
            }
            let other = candidate.chars().count();
            let shorter = length.min(other);
            let allowed = (shorter / 3).min(3);
            // Words are at least as far apart as they differ in length.
            if length.abs_diff(other) > allowed {
                return None;
            }
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
            (shorter > 0 && distance <= allowed).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    fn check(word: &str, expected: Option<&str>) {
        let candidates = ["source", "method", "modules", "imports", "name", "os", "fs"];
        assert_eq!(did_you_mean(word, candidates), expected, "{word}");
    }

    #[test]
    fn near_words_are_found() {
        check("sorce", Some("source"));
        check("naem", Some("name"));
        check("Import", Some("imports"));
        check("METHOD", Some("method"));
        check("OS", Some("os"));
    }

    #[test]
    fn far_or_equal_words_are_not_suggested() {
        check("entries", None);
        check("us", None);
        check("", None);
        check("source", None);
        check(&"source".repeat(1000), None);
    }
}
