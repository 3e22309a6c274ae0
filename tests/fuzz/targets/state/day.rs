//! The bytes of one kept day.

use std::collections::BTreeMap;

use trtc_exporter::store::codec::{decode, encode};
use trtc_exporter::usage::{Day, Ledger, Settling};

use super::{SETTLE_AFTER, answer, at, obeys_the_rules, today};

const FORMATS: [u8; 3] = [1, 2, 3];

/// The bytes as they are, and once more as what the checksum vouches for.
pub(super) fn judge(bytes: &[u8]) {
    if let Ok(day) = decode(bytes, None) {
        use_it(day);
    }
    let mut checksum = flate2::Crc::new();
    checksum.update(bytes);
    for format in FORMATS {
        let sealed = [&[format][..], &checksum.sum().to_le_bytes(), bytes].concat();
        if let Ok(day) = decode(&sealed, None) {
            use_it(day);
        }
    }
}

fn use_it(day: Day) {
    assert_eq!(decode(&encode(&day), None).as_ref(), Ok(&day));
    let (date, before) = (
        today(),
        Ledger {
            floor: Some(today().pred()),
            ..Ledger::default()
        },
    );
    let rows = [
        (date.midnight(), [7, 0]),
        (date.midnight().plus_seconds(36_000), [1_000, 3]),
    ];
    let settling = Settling {
        after: SETTLE_AFTER,
        watermark: None,
    };
    let (mut ledger, mut days) = (before.clone(), BTreeMap::from([(date, day)]));
    for _ in 0..2 {
        ledger.merge(&mut days, date, &answer(&rows), at(date, 11), settling);
        obeys_the_rules(&before, &ledger, &rows);
    }
    for column in days[&date].columns() {
        let sum: u128 = column.words_ms.iter().map(|&word| u128::from(word)).sum();
        assert_eq!(u128::from(days[&date].sum_ms(column.media)), sum);
    }
}
