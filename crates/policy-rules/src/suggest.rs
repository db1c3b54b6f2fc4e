/// The candidate that `word` was probably meant to be. Letter case counts as no difference, and short words need a
/// closer match than long ones.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // What is far longer than any word we know was not meant to be one; and comparing takes time by the product.
    if word.len() > 64 {
        return None;
    }
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let allowed = (word.len().min(candidate.len()) / 3 + 1).min(3);
            let distance = strsim::damerau_levenshtein(&lower, candidate);
            (distance <= allowed && distance < candidate.len()).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let check = |word, expected: Option<&str>| {
            let found = nearest(word, ["eq", "ne", "exists", "nexists", "contains", "matches"]);
            assert_eq!(found.as_deref(), expected, "{word:?}");
        };
        check("EQ", Some("eq"));
        check("eqq", Some("eq"));
        check("exist", Some("exists"));
        check("notexists", Some("nexists"));
        check("contians", Some("contains"));
        check("match", Some("matches"));
        check("==", None);
        check("", None);
        check(&"contains".repeat(100), None);
    }
}
