//! The write side of the usage families: the poller sets figures, then shows everything it has set at once.

use std::collections::HashSet;
use std::sync::Arc;

use crate::usage::{Target, View};

use super::exposition::{Exposition, Snapshot};
use super::families::{FAMILIES, Row};
use super::piece::{Deflater, Piece};
use super::syntax::{self, Format};

/// How many neighbouring targets are rendered and compressed together. A target that reports five media takes
/// about 3.5 KiB in all. Twice as many would compress 8 % better and cost a poll twice as much; half as many, 15 % worse.
const TARGETS_PER_BLOCK: usize = 32;

/// A target and what is known of it before it is polled.
#[derive(Clone, Debug)]
pub struct TargetInfo {
    /// Its identity; unique on a board.
    pub target: Target,
    /// The name that its app was given.
    pub app_name: Option<String>,
}

/// The figures of all targets, as last set.
#[derive(Debug)]
pub struct Board {
    rows: Vec<Row>,
    blocks: Vec<Block>,
    headers: Headers,
    deflater: Deflater,
    scratch: String,
    exposition: Arc<Exposition>,
}

/// The text of neighbouring rows, one piece for each family.
#[derive(Debug, Default)]
struct Block {
    changed: bool,
    pieces: [Piece; FAMILIES.len()],
}

/// The HELP and TYPE lines of each family in each format.
type Headers = [[Piece; FAMILIES.len()]; Format::ALL.len()];

impl Board {
    /// A board without targets.
    pub fn new(exposition: Arc<Exposition>) -> Self {
        let mut deflater = Deflater::for_kept_text();
        Self {
            rows: Vec::new(),
            blocks: Vec::new(),
            headers: headers(&mut deflater),
            deflater,
            scratch: String::new(),
            exposition,
        }
    }

    /// From now on it is about these targets, in the order in which they are to be shown, and knows nothing of them yet.
    /// What was published is shown until [`Board::publish`].
    pub fn list(&mut self, targets: Vec<TargetInfo>) {
        let blocks = targets.len().div_ceil(TARGETS_PER_BLOCK);
        self.rows = rows(targets);
        // The pieces stay: most of them will turn out to be as before.
        self.blocks.resize_with(blocks, Block::default);
        self.blocks
            .iter_mut()
            .for_each(|block| block.changed = true);
    }

    /// Sets the figures of the target at `index` of the list.
    ///
    /// # Panics
    /// When there is no such target.
    pub fn set(&mut self, index: usize, view: View) {
        let row = &mut self.rows[index];
        if row.view.as_ref() != Some(&view) {
            row.view = Some(view);
            self.blocks[index / TARGETS_PER_BLOCK].changed = true;
        }
    }

    /// Shows everything that was set: a scrape sees all of it or nothing. Renders and compresses what changed:
    /// for 60,000 series about 20 ms when all did, half a millisecond when one target did.
    pub fn publish(&mut self) {
        let rows = self.rows.chunks(TARGETS_PER_BLOCK);
        for (block, rows) in self.blocks.iter_mut().zip(rows) {
            if std::mem::take(&mut block.changed) {
                block.render(rows, &mut self.scratch, &mut self.deflater);
            }
        }
        let [text, open_metrics] = Format::ALL.map(|format| self.page(format));
        self.exposition.show(Snapshot::new(&text, &open_metrics));
    }

    /// The pieces of the page in its order. A family without samples is left out.
    fn page(&self, format: Format) -> Vec<&Piece> {
        let mut page = Vec::with_capacity(FAMILIES.len() * (self.blocks.len() + 1));
        for (family, header) in self.headers[format as usize].iter().enumerate() {
            let pieces = self.blocks.iter().map(|block| &block.pieces[family]);
            let shown = pieces.filter(|piece| !piece.text.is_empty());
            let begin = page.len();
            page.push(header);
            page.extend(shown);
            if page.len() == begin + 1 {
                page.pop();
            }
        }
        page
    }
}

impl Block {
    /// Makes the pieces anew. Most figures of most polls are as before: such a piece is kept, which spares compressing it.
    fn render(&mut self, rows: &[Row], scratch: &mut String, deflater: &mut Deflater) {
        for (piece, family) in self.pieces.iter_mut().zip(&FAMILIES) {
            scratch.clear();
            for row in rows {
                family.render(row, scratch);
            }
            if piece.text != scratch.as_bytes() {
                *piece = deflater.piece(scratch);
            }
        }
    }
}

fn rows(targets: Vec<TargetInfo>) -> Vec<Row> {
    let mut apps = HashSet::new();
    let rows = targets.into_iter().map(|TargetInfo { target, app_name }| {
        let Target { account, app, item } = target;
        let id = app.to_string();
        let name = app_name.unwrap_or_default();
        Row {
            labels: syntax::labels(&[("account", &account), ("sdk_app_id", &id), ("item", &item)])
                .into(),
            app: apps.insert((account.clone(), app)).then(|| {
                syntax::labels(&[
                    ("account", &account),
                    ("sdk_app_id", &id),
                    ("app_name", &name),
                ])
                .into()
            }),
            view: None,
        }
    });
    rows.collect()
}

fn headers(deflater: &mut Deflater) -> Headers {
    Format::ALL.map(|format| {
        FAMILIES.each_ref().map(|family| {
            let mut text = String::new();
            syntax::header(&mut text, format, family.name, family.kind, family.help);
            deflater.piece(&text)
        })
    })
}

#[cfg(test)]
mod tests;
