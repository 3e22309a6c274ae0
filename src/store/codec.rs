//! A day as bytes: one compact row per target and date. A checksum guards it, because a wrong word would be credited.

use std::io::Read;

use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};

use crate::usage::{Column, Day, Media};

const FORMAT: u8 = 2;

/// The format that did not tell what of a word had been entered; all of it is taken for that.
const FORMAT_WITHOUT_ENTERED: u8 = 1;
/// A day of another format, deflated: for days that are only kept.
pub(super) const FORMAT_PACKED: u8 = 3;

/// More than any day takes, deflated well or not.
const MAX_BYTES: u64 = 1 << 20;

const CHECKSUM_BYTES: usize = 4;

/// Seconds are stored in buckets of five minutes when all lie on that grid.
const GRID_SECONDS: u32 = 300;
const ON_GRID: u8 = 1;
const ALL_OWN: u8 = 2;

/// Words are stored in seconds when all of a column are whole seconds.
const WHOLE_SECONDS: u8 = 1;
const OPENED: u8 = 2;

/// Nearly every column was either entered as it is or is credited in full, and then has no list of what was entered.
const ENTERED_WHOLE: u8 = 4;
const ENTERED_IN_PART: u8 = 8;

/// Bytes that are not a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Written by a newer version.
    #[error("its format {0} is not known to this version")]
    Format(u8),
    /// The checksum does not fit, or the content makes no sense.
    #[error("its content is damaged")]
    Damaged,
}

/// Writes a day: format, checksum of the rest, flags, seconds, then per media its name, words and
/// what of them was entered, all as varints.
pub fn encode(day: &Day) -> Vec<u8> {
    let mut out = vec![FORMAT, 0, 0, 0, 0];
    let on_grid = day
        .seconds()
        .iter()
        .all(|second| second % GRID_SECONDS == 0);
    let all_own = day.own().iter().all(|&own| own);
    out.push(flag(ON_GRID, on_grid) | flag(ALL_OWN, all_own));
    put(&mut out, day.seconds().len() as u64);
    let unit = if on_grid { GRID_SECONDS } else { 1 };
    let mut previous = 0;
    for &second in day.seconds() {
        put(&mut out, u64::from((second - previous) / unit));
        previous = second;
    }
    if !all_own {
        out.extend(day.own().iter().map(|&own| u8::from(own)));
    }
    put(&mut out, day.columns().len() as u64);
    for column in day.columns() {
        put_column(&mut out, column);
    }
    sealed(out)
}

/// Makes the bytes of a day smaller, for good: an idle day takes next to nothing then.
pub fn pack(day: &[u8]) -> Vec<u8> {
    let mut out = vec![FORMAT_PACKED, 0, 0, 0, 0];
    DeflateEncoder::new(day, Compression::default())
        .read_to_end(&mut out)
        .expect("memory can be read");
    sealed(out)
}

/// Writes the checksum of what comes behind it.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let checksum = crc32(&bytes[1 + CHECKSUM_BYTES..]);
    bytes[1..=CHECKSUM_BYTES].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn unpacked(body: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut day = Vec::new();
    DeflateDecoder::new(body)
        .take(MAX_BYTES)
        .read_to_end(&mut day)
        .map_err(|_| DecodeError::Damaged)?;
    if day.first() == Some(&FORMAT_PACKED) {
        return Err(DecodeError::Damaged);
    }
    Ok(day)
}

fn put_column(out: &mut Vec<u8>, column: &Column) {
    let name = column.media.as_str().as_bytes();
    put(out, name.len() as u64);
    out.extend_from_slice(name);
    let (words, entered) = (&column.words_ms, &column.entered_ms);
    let whole = words.iter().chain(entered).all(|word| word % 1000 == 0);
    let entered_whole = entered == words;
    let in_part = !entered_whole && entered.iter().any(|&part| part > 0);
    out.push(
        flag(WHOLE_SECONDS, whole)
            | flag(OPENED, column.opened)
            | flag(ENTERED_WHOLE, entered_whole)
            | flag(ENTERED_IN_PART, in_part),
    );
    let unit = if whole { 1000 } else { 1 };
    for word in words.iter().chain(entered.iter().filter(|_| in_part)) {
        put(out, word / unit);
    }
}

/// Reads what [`encode`] or [`pack`] wrote.
///
/// # Errors
/// When the bytes are of a newer format or damaged.
pub fn decode(bytes: &[u8], asked_at: Option<DateTime<Utc>>) -> Result<Day, DecodeError> {
    let (&format, rest) = bytes.split_first().ok_or(DecodeError::Damaged)?;
    if ![FORMAT, FORMAT_WITHOUT_ENTERED, FORMAT_PACKED].contains(&format) {
        return Err(DecodeError::Format(format));
    }
    let (checksum, body) = rest
        .split_first_chunk::<CHECKSUM_BYTES>()
        .ok_or(DecodeError::Damaged)?;
    if crc32(body) != u32::from_le_bytes(*checksum) {
        return Err(DecodeError::Damaged);
    }
    if format == FORMAT_PACKED {
        return decode(&unpacked(body)?, asked_at);
    }
    let reader = Reader { rest: body, format };
    reader.day(asked_at).ok_or(DecodeError::Damaged)
}

struct Reader<'a> {
    rest: &'a [u8],
    format: u8,
}

impl Reader<'_> {
    fn day(mut self, asked_at: Option<DateTime<Utc>>) -> Option<Day> {
        let flags = self.byte()?;
        let rows = self.length()?;
        let unit = if flags & ON_GRID != 0 {
            GRID_SECONDS
        } else {
            1
        };
        let mut second = 0_u32;
        let mut seconds = Vec::with_capacity(rows);
        for _ in 0..rows {
            second = second.checked_add(u32::try_from(self.varint()?).ok()?.checked_mul(unit)?)?;
            seconds.push(second);
        }
        let own = if flags & ALL_OWN != 0 {
            vec![true; rows]
        } else {
            self.bytes(rows)?.iter().map(|&own| own != 0).collect()
        };
        let columns = self.length()?;
        let columns = (0..columns)
            .map(|_| self.column(rows))
            .collect::<Option<Vec<_>>>()?;
        self.rest
            .is_empty()
            .then(|| Day::from_parts(asked_at, seconds, own, columns))?
    }

    fn column(&mut self, rows: usize) -> Option<Column> {
        let length = self.length()?;
        let media: Media = std::str::from_utf8(self.bytes(length)?)
            .ok()?
            .parse()
            .ok()?;
        let flags = self.byte()?;
        let unit = if flags & WHOLE_SECONDS != 0 { 1000 } else { 1 };
        let words_ms = self.words(rows, unit)?;
        let entered_ms = match flags & (ENTERED_WHOLE | ENTERED_IN_PART) {
            _ if self.format == FORMAT_WITHOUT_ENTERED => words_ms.clone(),
            0 => vec![0; rows],
            ENTERED_WHOLE => words_ms.clone(),
            _ => self.words(rows, unit)?,
        };
        Some(Column {
            media,
            opened: flags & OPENED != 0,
            words_ms,
            entered_ms,
        })
    }

    fn words(&mut self, rows: usize, unit: u64) -> Option<Vec<u64>> {
        (0..rows)
            .map(|_| self.varint()?.checked_mul(unit))
            .collect()
    }

    /// A count of things that take at least one byte each, so that no damage can ask for more memory than the bytes.
    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?)
            .ok()
            .filter(|&length| length <= self.rest.len())
    }

    fn byte(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    fn bytes(&mut self, length: usize) -> Option<&[u8]> {
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn flag(bit: u8, on: bool) -> u8 {
    if on { bit } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day() -> impl Strategy<Value = Day> {
        let seconds = prop_oneof![
            prop::collection::btree_set((0..288_u32).prop_map(|slot| slot * 300), 0..40),
            prop::collection::btree_set(0..86_400_u32, 0..40),
        ];
        (seconds, any::<bool>(), any::<u64>()).prop_map(|(seconds, own, seed)| {
            let rows = seconds.len() as u64;
            let words = |factor: u64| {
                (0..rows)
                    .map(|row| (seed >> 40).wrapping_mul(row) / 1000 * factor)
                    .collect()
            };
            let columns = vec![
                Column {
                    media: Media::Audio,
                    opened: true,
                    words_ms: words(1000),
                    entered_ms: words(if seed % 2 == 0 { 1000 } else { 2000 }),
                },
                Column {
                    media: Media::Video4k,
                    opened: false,
                    words_ms: words(1),
                    entered_ms: words(u64::from(seed % 3 == 0)),
                },
            ];
            let own = (0..rows)
                .map(|row| own || (seed >> (row % 64)) & 1 == 1)
                .collect();
            Day::from_parts(None, seconds.into_iter().collect(), own, columns).expect("a day")
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_day_survives(day in day()) {
            let bytes = encode(&day);
            prop_assert_eq!(decode(&bytes, None), Ok(day.clone()));
            prop_assert_eq!(decode(&pack(&bytes), None), Ok(day));
        }

        #[test]
        fn damage_is_noticed(day in day(), at in any::<prop::sample::Index>(), bit in 0..8_u8, packed: bool) {
            let mut bytes = encode(&day);
            if packed {
                bytes = pack(&bytes);
            }
            let at = at.index(bytes.len());
            bytes[at] ^= 1_u8 << bit;
            prop_assert!(decode(&bytes, None).is_err());
            bytes.truncate(at);
            prop_assert!(decode(&bytes, None).is_err());
        }

        #[test]
        fn noise_is_refused_without_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 5..200)) {
            bytes[0] = FORMAT;
            let checksum = crc32(&bytes[5..]);
            bytes[1..5].copy_from_slice(&checksum.to_le_bytes());
            if let Ok(day) = decode(&bytes, None) {
                prop_assert_eq!(decode(&encode(&day), None), Ok(day));
            }
        }
    }

    #[test]
    fn words_that_no_answer_can_bring_are_refused() {
        let with_word = |word: u64| {
            let mut content = vec![ON_GRID | ALL_OWN];
            put(&mut content, 2);
            content.extend([0, 1, 1, 5]);
            content.extend_from_slice(b"audio");
            content.push(0);
            put(&mut content, word);
            put(&mut content, word);
            let checksum = crc32(&content).to_le_bytes();
            decode(&[&[FORMAT], &checksum[..], &content].concat(), None)
        };
        let largest = 10_000_000_000_000;
        let sum = with_word(largest).map(|day| day.sum_ms(Media::Audio));
        assert_eq!(sum, Ok(2 * largest));
        for absurd in [largest + 1, i64::MAX as u64, u64::MAX] {
            assert_eq!(with_word(absurd), Err(DecodeError::Damaged));
        }
    }

    #[test]
    fn a_day_of_the_format_before_counts_as_entered() {
        let mut content = vec![ON_GRID | ALL_OWN, 1, 0, 1, 5];
        content.extend_from_slice(b"audio");
        content.extend([WHOLE_SECONDS, 7]);
        let checksum = crc32(&content).to_le_bytes();
        let bytes = [&[FORMAT_WITHOUT_ENTERED], &checksum[..], &content].concat();
        let day = decode(&bytes, None).expect("a day");
        let column = &day.columns()[0];
        assert_eq!(
            (&column.words_ms, &column.entered_ms),
            (&vec![7000], &vec![7000])
        );
    }

    #[test]
    fn what_unpacks_to_itself_or_to_endless_zeros_is_refused() {
        let day = encode(&Day::default());
        assert_eq!(decode(&pack(&pack(&day)), None), Err(DecodeError::Damaged));
        let bomb = pack(&vec![0; 1 << 26]);
        assert!(decode(&bomb, None).is_err());
    }

    #[test]
    fn an_idle_day_is_small() {
        let rows = 288;
        let words = |value| Column {
            media: Media::Audio,
            opened: true,
            words_ms: vec![value; rows],
            entered_ms: vec![0; rows],
        };
        let seconds = (0..288).map(|slot| slot * 300).collect();
        let day = Day::from_parts(None, seconds, vec![true; rows], vec![words(0)]).expect("a day");
        let bytes = encode(&day);
        assert!(bytes.len() < 2 * rows + 32);
        assert!(pack(&bytes).len() < 64);
    }
}
