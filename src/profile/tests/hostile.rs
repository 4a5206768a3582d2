//! Text that nobody wrote in good faith.

use proptest::prelude::*;

use super::super::{Given, load_text, lock};
use super::{Bench, HEAD};

#[test]
fn aliases_cannot_unfold_without_bound() {
    let mut text = format!("{HEAD}steps:\n  - &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let refs = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("  - &a{level} [{refs}]\n"));
    }
    let said = load_text(&text, "p.yaml").unwrap_err().to_string();
    assert!(said.contains("unfold"), "{said}");
    let said = load_text("format: 1\nname: &a [*a]\n", "p.yaml").unwrap_err().to_string();
    assert!(said.starts_with("p.yaml:2:"), "{said}");
}

#[test]
fn deep_nesting_ends_early() {
    for open in ["[", "{a: ", "- ", "? "] {
        let text = open.repeat(250 * 1024 / open.len());
        assert!(load_text(&text, "p.yaml").is_err());
    }
    let mut indented = String::new();
    for depth in 0..600 {
        indented.push_str(&format!("{}a:\n", " ".repeat(depth)));
    }
    assert!(load_text(&indented, "p.yaml").is_err());
}

#[test]
fn an_anchor_that_stands_twice_is_refused() {
    let text = format!(
        "{HEAD}steps:\n  - console: {{ run: &a x }}\n  - console: {{ run: &a y }}\n  - console: {{ run: *a }}\n"
    );
    let said = load_text(&text, "p.yaml").unwrap_err().to_string();
    assert_eq!(said, "p.yaml:7: the anchor `&a` stands here again");
}

#[test]
fn an_alias_to_a_scalar_is_an_ordinary_value() {
    let text = format!("{HEAD}steps:\n  - console: {{ run: &c uptime }}\n  - console: {{ run: *c }}\n");
    assert_eq!(load_text(&text, "p.yaml").unwrap().len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = load_text(&text, "p.yaml");
    }

    #[test]
    fn no_yaml_like_text_panics(
        lines in prop::collection::vec("[ ]{0,6}(- )?[a-z{}\\[\\]&*!|>'\"#:,0-9./]{0,12}(: ?[a-z0-9{}\\[\\]\"&*.,: ]{0,16})?", 0..12)
    ) {
        let _ = load_text(&format!("format: 1\n{}", lines.join("\n")), "p.yaml");
    }

    #[test]
    fn no_damage_to_a_good_profile_panics(at in 0usize..1200, byte in any::<u8>(), cut in 0usize..1200) {
        let good = include_str!("full.yaml");
        let mut bytes = good.as_bytes().to_vec();
        let place = at % bytes.len();
        bytes[place] = byte;
        bytes.truncate(bytes.len().max(cut) - cut.min(bytes.len()) / 4);
        let _ = load_text(&String::from_utf8_lossy(&bytes), "p.yaml");
    }

    #[test]
    fn no_text_is_locked_into_something_else(
        lines in prop::collection::vec("( |  |    )(a|b|file|sha256|é|\"x\"|- file): ?[{&*'\"|>\u{85}\u{2028}]?(file: )?(a.bin|é|[a-z, #]{0,6})?[}'\"]?\r?", 0..6)
    ) {
        let text = format!("format: 1\nartifacts:\n{}\n", lines.join("\n"));
        let bench = Bench::new(&[("p.yaml", &text), ("a.bin", "1234")]);
        if lock(bench.path("p.yaml")).is_ok_and(|entries| !entries.is_empty()) {
            let again = lock(bench.path("p.yaml")).unwrap();
            prop_assert!(again.iter().all(|entry| entry.before.as_ref() == Some(&entry.after)));
        }
    }

    #[test]
    fn no_table_panics(bytes in prop::collection::vec(prop::sample::select(b"ab,\"\n\r;unit\xff".to_vec()), 0..60)) {
        let bench = Bench::new(&[]);
        std::fs::write(bench.path("i.csv"), bytes).unwrap();
        let _ = Given::default().read_csv(&bench.path("i.csv"));
    }

    #[test]
    fn no_argument_panics(text in "\\PC{0,40}") {
        let _ = Given::default().add(&text);
    }

    #[test]
    fn no_template_panics(text in "[a-z{}|.()\\[\\]'\"+~%-]{0,40}") {
        let at = load_text(&format!("{HEAD}steps:\n  - console: {{ run: a }}\n"), "p.yaml").unwrap().document.at;
        let _ = super::super::template::Text::new(&text, &at, &Default::default());
    }
}
