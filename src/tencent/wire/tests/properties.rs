//! What holds for every answer, and for everything that is none.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::usage::TimeKey;

/// A day's bucket, and its values in seconds.
fn any_row() -> impl Strategy<Value = (i64, [u32; 5])> {
    (0..288i64, any::<[u32; 5]>())
}

fn written((bucket, [audio, sd, hd, hdp, both]): &(i64, [u32; 5])) -> String {
    let date: Date = "2020-09-08".parse().expect("a date");
    let key: TimeKey = date.midnight().plus_seconds(bucket * 300);
    format!(
        r#"{{"AudioTime":{audio},"VideoTimeSd":{sd},"VideoTimeHd":{hd},"TimeKey":"{key}","VideoTimeHdp":{hdp},"AudioVideoTime":{both}}}"#
    )
}

proptest! {
    #[test]
    fn order_does_not_matter(
        (rows_there, shuffled) in vec(any_row(), 0..40)
            .prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle()))
    ) {
        let body = |rows: &[_]| with_rows(&rows.iter().map(written).collect::<Vec<_>>().join(","));
        let one = interactive(&body(&rows_there)).expect("an answer");
        let other = interactive(&body(&shuffled)).expect("an answer");
        prop_assert_eq!(rows(&one).len(), rows_there.len());
        prop_assert_eq!(rows(&one), rows(&other));
    }

    #[test]
    fn no_bytes_make_it_panic(body in vec(any::<u8>(), 0..200)) {
        for action in Action::ALL {
            prop_assert!(parse(&query(action, App::Total), &body).is_err());
        }
    }

    #[test]
    fn no_mutation_makes_it_panic(
        changes in vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..8)
    ) {
        let mut body = ONE_DAY.as_bytes().to_vec();
        for (at, byte, cut) in changes {
            let at = at.index(body.len());
            if cut { body.remove(at); } else { body[at] = byte; }
        }
        for action in Action::ALL {
            drop(parse(&query(action, APP), &body));
        }
    }
}
