//! A fault in a configuration or in a file that it names, as shown to an operator. Knows no key.

use std::fmt;

use drivers::text::Text;

/// One fault in a configuration, or in a file that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file, if it is not the configuration itself.
    pub file: Option<String>,
    /// Line in the file, from 1; 0 if the fault has no line.
    pub line: usize,
    /// What is wrong and what to do. If only an English sentence exists, it is used for both languages.
    pub words: Text,
}

impl Fault {
    /// A fault with an English sentence only; `line` may be 0.
    pub fn english(line: usize, sentence: impl Into<String>) -> Fault {
        let sentence = sentence.into();
        Fault::at(line, Text::new(sentence.clone(), sentence))
    }

    /// A fault in the configuration itself.
    pub fn at(line: usize, words: Text) -> Fault {
        Fault { file: None, line, words }
    }

    /// A fault in this file, with `key: ` before the sentence unless the key is empty.
    pub fn of_key(file: Option<String>, line: usize, key: &str, words: &Text) -> Fault {
        if key.is_empty() {
            return Fault { file, line, words: words.clone() };
        }
        let said = |sentence: &str| format!("{key}: {sentence}");
        Fault { file, line, words: Text::new(said(&words.id), said(&words.en)) }
    }

    /// File, line and sentence, in the language that `pick` chooses.
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
