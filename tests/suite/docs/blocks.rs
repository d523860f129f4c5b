//! The blocks of code of the documentation.

use std::fs;
use std::path::Path;

use hapta_tests::root;
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

/// One block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// Its page, from the root.
    pub(super) page: String,
    /// From 1.
    pub(super) line: usize,
    /// What stands behind the fence, each word one space apart; `indented` for a block without one.
    pub(super) kind: String,
    /// What is in it.
    pub(super) text: String,
}

/// Where the pages are: a page, or a folder and how the names of its pages end.
const PAGES: [(&str, &str); 5] = [
    ("README.md", ""),
    ("gateway/docs", ".md"),
    ("gateway/clients", "README.md"),
    ("rule-sdk", "README.md"),
    ("rules-examples", "README.md"),
];

impl Block {
    /// Page and line.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.page, self.line)
    }
}

/// Every block of every page.
pub(super) fn all() -> Vec<Block> {
    let mut pages = Vec::new();
    for (place, ending) in PAGES {
        collect(&root().join(place), ending, &mut pages);
    }
    pages.sort();
    pages.iter().flat_map(|name| page(name)).collect()
}

/// The blocks of one page.
pub(super) fn page(name: &str) -> Vec<Block> {
    let text = fs::read_to_string(root().join(name)).expect(name);
    of(name, &text)
}

/// The blocks of a text.
pub(super) fn of(page: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (event, range) in Parser::new(text).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let kind = match kind {
                    CodeBlockKind::Fenced(info) => {
                        info.split_whitespace().collect::<Vec<_>>().join(" ")
                    }
                    CodeBlockKind::Indented => "indented".to_owned(),
                };
                open = Some(Block {
                    page: page.to_owned(),
                    line: text[..range.start].matches('\n').count() + 1,
                    kind,
                    text: String::new(),
                });
            }
            Event::Text(more) => {
                if let Some(block) = &mut open {
                    block.text.push_str(&more);
                }
            }
            Event::End(TagEnd::CodeBlock) => blocks.extend(open.take()),
            _ => {}
        }
    }
    blocks
}

fn collect(place: &Path, ending: &str, pages: &mut Vec<String>) {
    if place.is_file() {
        let name = place.strip_prefix(root()).expect("below the root");
        if place.to_string_lossy().ends_with(ending) {
            pages.push(name.to_string_lossy().into_owned());
        }
        return;
    }
    for entry in fs::read_dir(place).expect("a folder of pages") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !["node_modules", "target", ".hapta", ".venv"].contains(&name.as_str()) {
            collect(&path, ending, pages);
        }
    }
}
