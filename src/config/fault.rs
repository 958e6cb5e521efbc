//! What is wrong with a configuration or with a file that it names, as an operator is told it. Knows no key by itself.

use std::fmt;

use drivers::text::Text;

/// One thing wrong with a configuration, or with a file that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file, if it is not the configuration itself.
    pub file: Option<String>,
    /// Line in the file, from 1; 0 when the fault has no place in it.
    pub line: usize,
    /// What is wrong and what to do. Twice the same where it is known in English only.
    pub words: Text,
}

impl Fault {
    /// One without a place, or with a place in the configuration, that is told in English only.
    pub fn english(line: usize, sentence: impl Into<String>) -> Fault {
        let sentence = sentence.into();
        Fault::at(line, Text::new(sentence.clone(), sentence))
    }

    /// One in the configuration itself.
    pub fn at(line: usize, words: Text) -> Fault {
        Fault { file: None, line, words }
    }

    /// With `key: ` before the sentence, in this file; without, if the key is empty.
    pub fn of_key(file: Option<String>, line: usize, key: &str, words: &Text) -> Fault {
        if key.is_empty() {
            return Fault { file, line, words: words.clone() };
        }
        let said = |sentence: &str| format!("{key}: {sentence}");
        Fault { file, line, words: Text::new(said(&words.id), said(&words.en)) }
    }

    /// Place and sentence, the latter as `pick` chooses it.
    pub fn told(&self, pick: impl FnOnce(&Text) -> &str) -> String {
        let file = self.file.as_ref().map_or(String::new(), |file| format!("{file}: "));
        let line = if self.line == 0 { String::new() } else { format!("line {}: ", self.line) };
        format!("{file}{line}{}", pick(&self.words))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told(|words| &words.en))
    }
}
